/*
 * meta.h - memory for the library's own data: descriptors, magazines, thread caches. Never mixed with user memory.
 *
 * Pieces are cut one after the other from chunks that are mapped as needed, are aligned to a cache line, and are kept
 * on one free list per size when they come back. A chunk is never unmapped.
 */
#ifndef LM_PAGE_META_H
#define LM_PAGE_META_H

#include <stdbool.h>
#include <stddef.h>

/*
 * `bytes` (1 to META_MAX_BYTES) of memory, its content any; NULL when there is none. Debug builds fill it with garbage, so
 * that a field which nobody sets is found.
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

/* Bytes mapped for the library's own data, page map included. */
size_t meta_mapped_bytes(void);

/* Counts a mapping that another module made for the library's own data. */
void meta_count_mapped(size_t bytes);

/* For fork. */
struct lock *meta_lock_address(void);

enum { META_MAX_BYTES = 8192 };

#endif
