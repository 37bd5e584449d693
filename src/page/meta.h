/*
 * meta.h - memory for the library's own data: descriptors, magazines, thread caches. Never mixed with user memory.
 *
 * Pieces are cut one after the other from chunks that are mapped as needed, are aligned to a cache line, and are kept
 * on one free list per size when they come back. A chunk is never unmapped. Handles come back in another way (below).
 */
#ifndef LM_PAGE_META_H
#define LM_PAGE_META_H

#include "base/compiler.h"
#include "base/list.h"
#include "os/report.h"

/*
 * `bytes` (1 to META_MAX_BYTES) of memory with any content; NULL when there is none. Debug builds fill it with garbage,
 * so that a field which nobody sets is found.
 */
void *meta_alloc(size_t bytes);

/*
 * The same in two steps, with no system call and without waiting (lock.h, quiet). True: there is a piece, and the
 * caller holds the lock until it takes the piece or leaves it.
 */
cold bool meta_offer_quietly(size_t bytes);
cold void *meta_take_offered(size_t bytes);
cold void meta_leave_offered(void);

/* Takes back what meta_alloc(bytes) returned. */
void meta_free(void *piece, size_t bytes);

/*
 * Handles: the program holds a pointer to each, and may by mistake use it after its end. The memory of a handle always
 * stays a handle of the same kind. From its end on, a handle stands in the queue of its kind:
 *
 *      oldest -> ... -> newest      is_ended is true in all of them
 *
 * A new handle reuses the memory of the oldest ended handle if more than META_HANDLES_RESTING stand in the queue; else
 * it takes new memory. So the use of an ended handle is found until so many others of its kind have ended. The queue
 * holds at most META_HANDLES_RESTING and as many as were alive at once, or one more; count is its length.
 *
 * Each kind begins with a struct meta_handle. meta_lock guards the queue and `node`. is_ended is relaxed: a thread that
 * uses a live handle got it from the thread that created it.
 */
enum { META_HANDLES_RESTING = 4096 }; /* handles */

struct meta_handle {
	struct list_node node;
	_Atomic bool is_ended;
};

struct meta_queue {
	struct list handles; /* the oldest first */
	size_t count;
};

/* Memory for a handle of `bytes`, the same for all of a queue; NULL when there is none. The caller sets all of it. */
cold void *meta_handle_alloc(struct meta_queue *queue, size_t bytes);

/* Takes over a handle that has ended. Its other fields stay as they are until its memory is used again. */
cold void meta_handle_put(struct meta_queue *queue, struct meta_handle *handle);

/* Reports a handle that has ended. */
static inline void meta_handle_check(const struct meta_handle *handle, const char *kind, const char *function)
{
	if (unlikely(load_relaxed(&handle->is_ended)))
		report_bad_pointer(kind, handle, function);
}

/* Ends a handle; reports one that has ended. If two threads end a handle at once, one of them is reported. */
static inline void meta_handle_end(struct meta_handle *handle, const char *kind, const char *function)
{
	if (unlikely(exchange_relaxed(&handle->is_ended, true)))
		report_bad_pointer(kind, handle, function);
}

/* Bytes mapped for the library's own data, page map included. */
size_t meta_mapped_bytes(void);

/* Counts a mapping that another module made for the library's own data. */
cold void meta_count_mapped(size_t bytes);

/* For fork. */
extern struct lock meta_lock LM_HIDDEN;

enum { META_MAX_BYTES = 8192 }; /* of a piece: longer ones are mappings (meta_alloc_any) */

/* meta_alloc and meta_free without a maximum: long pieces are mappings of their own. SIZE_MAX bytes: NULL. */
cold void *meta_alloc_any(size_t bytes);
cold void meta_free_any(void *piece, size_t bytes);

#endif
