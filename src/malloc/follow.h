/*
 * follow.h - the process's own malloc, which may not be ours.
 *
 * A program may define malloc, calloc, realloc and free itself; its definitions win, and only what it does not define
 * reaches this library. A block that goes out through one of our other entry points will come back through its free. So
 * operator new and delete, reallocarray and the aligned calls go through the symbols that the process is bound to:
 * follow_malloc and the like are calls through the global offset table, which are ours in most processes.
 */
#ifndef LM_MALLOC_FOLLOW_H
#define LM_MALLOC_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

extern void *malloc(size_t bytes);
extern void *realloc(void *pointer, size_t bytes);
extern void free(void *pointer);
extern int posix_memalign(void **result, size_t alignment, size_t bytes);

static inline void *follow_malloc(size_t bytes) { return malloc(bytes); }
static inline void *follow_realloc(void *pointer, size_t bytes) { return realloc(pointer, bytes); }
static inline void follow_free(void *pointer) { free(pointer); }

/* Whether the process's malloc is bound to ours directly; whether its blocks come from ours, by whatever way. */
bool follow_is_bound(void);
bool follow_is_ours(void);

/* `bytes` at a multiple of `alignment`, a power of two of at least 16. NULL sets errno to ENOMEM. */
void *follow_aligned(size_t alignment, size_t bytes);

#endif
