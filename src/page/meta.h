/*
 * meta.h - memory for the library's own data: descriptors, magazines, thread caches. Never mixed with user memory.
 *
 * Pieces are cut one after the other from chunks that are mapped as needed, are aligned to a cache line, and are kept
 * on one free list per size when they come back. A chunk is never unmapped. Handles come back in another way (below).
 */
#ifndef LM_PAGE_META_H
#define LM_PAGE_META_H

#include "base/report.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * `bytes` (1 to META_MAX_BYTES) of memory, its content any; NULL when there is none. Debug builds fill it with garbage:
 * so a field that nobody sets is found.
 */
void *meta_alloc(size_t bytes);

/*
 * The same in two steps, with no system call and without waiting (lock.h, quiet): true when there is a piece at hand
 * and nobody else is here. Then take it, or leave it; the lock is held in between.
 */
bool meta_offer_quietly(size_t bytes);
void *meta_take_offered(size_t bytes);
void meta_leave_offered(void);

/* Takes back what meta_alloc(bytes) returned. */
void meta_free(void *piece, size_t bytes);

/*
 * Handles: what the program holds by a pointer, and may by mistake use after its end. The memory of a handle always
 * stays a handle of the same kind. From its end on the handle stands in the queue of its kind:
 *
 *      oldest -> ... -> newest      is_ended is true in all of them
 *
 * A new handle takes the memory of the oldest one if META_HANDLES_RESTING others ended after that, else new memory. So
 * a use of a handle that has ended is found until so many others of its kind have ended. The queue holds at most one
 * more than that, or as many as were alive at once.
 *
 * Each kind begins with a struct meta_handle. meta_lock guards the queue and `next`. is_ended is relaxed: who uses a
 * handle rightly has it from who created it.
 */
enum { META_HANDLES_RESTING = 4096 };

struct meta_handle {
	struct meta_handle *next;
	_Atomic bool is_ended;
};

struct meta_queue {
	struct meta_handle *oldest;
	struct meta_handle *newest;
	size_t count;
};

/* Memory for a handle of `bytes`, the same for all of a queue; NULL when there is none. The caller sets all of it. */
void *meta_handle_alloc(struct meta_queue *queue, size_t bytes);

/* Takes in a handle that has ended. Its other fields stay as they are until its memory is used again. */
void meta_handle_put(struct meta_queue *queue, struct meta_handle *handle);

/* Reports a handle that has ended. */
static inline void meta_handle_check(const struct meta_handle *handle, const char *kind, const char *function)
{
	if (unlikely(atomic_load_explicit(&handle->is_ended, memory_order_relaxed)))
		report_bad_pointer(kind, handle, function);
}

/* Ends a handle; reports one that has ended. Of two threads that end it at once one is reported. */
static inline void meta_handle_end(struct meta_handle *handle, const char *kind, const char *function)
{
	if (unlikely(atomic_exchange_explicit(&handle->is_ended, true, memory_order_relaxed)))
		report_bad_pointer(kind, handle, function);
}

/* Bytes mapped for the library's own data, page map included. */
size_t meta_mapped_bytes(void);

/* Counts a mapping that another module made for the library's own data. */
void meta_count_mapped(size_t bytes);

/* For fork. */
struct lock *meta_lock_address(void);

enum { META_MAX_BYTES = 8192 };

#endif
