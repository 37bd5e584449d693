/*
 * follow.h - the malloc that the process is bound to, which may not be ours.
 *
 * A program may define malloc, calloc, realloc and free itself, and a library in front of ours may wrap them: only
 * calls of other functions reach this library. As in glibc, these are served from our own heap, but for some that go
 * through the symbols to which the process is bound:
 *
 *      operator new -> malloc        reallocarray -> realloc
 *      aligned operator new -> aligned_alloc
 *      operator delete, free_sized, free_aligned_sized -> free
 *
 * Such a call goes through the global offset table, and comes back to ours in most processes.
 */
#ifndef LM_HEAP_FOLLOW_H
#define LM_HEAP_FOLLOW_H

#include "base/compiler.h"

extern void *malloc(size_t bytes);
extern void *realloc(void *pointer, size_t bytes);
extern void *aligned_alloc(size_t alignment, size_t bytes);
extern void free(void *pointer);

static inline void *follow_malloc(size_t bytes) { return malloc(bytes); }
static inline void *follow_realloc(void *pointer, size_t bytes) { return realloc(pointer, bytes); }
static inline void *follow_aligned_alloc(size_t alignment, size_t bytes) { return aligned_alloc(alignment, bytes); }
static inline void follow_free(void *pointer) { free(pointer); }

/*
 * True if the process is bound to our malloc itself: then an unknown pointer is bad. Else it may be a block of the
 * malloc in front.
 *
 * This is one comparison of addresses. But if an executable that is not position-independent uses malloc as a value,
 * malloc's address in the whole process is that of a jump in the executable. So the constructor calls follow_find_out;
 * before that, the answer in such a process is false.
 */
bool follow_is_bound(void);
cold void follow_find_out(void);

/*
 * True if libc stands before this library where the loader looks symbols up: the library was opened late, and most of
 * the process uses libc's own malloc. For the constructor.
 */
cold bool follow_libc_is_first(void);

#endif
