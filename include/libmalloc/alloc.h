/*
 * libmalloc/alloc.h - malloc with flags, and memory that is only virtually contiguous: lm_malloc(3), lm_vmalloc(3).
 */
#ifndef LIBMALLOC_ALLOC_H
#define LIBMALLOC_ALLOC_H

#include <libmalloc/flags.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lm_malloc - malloc(3), with flags.
 *
 * size: in bytes.  flags: LM_... of flags.h, or 0.
 * Result: a block for free(3), realloc(3) and malloc_usable_size(3) like any other (realloc does not keep the
 * flags); but if the process has another malloc than this library's, for lm_realloc and lm_kvfree. NULL with errno
 * ENOMEM, EAGAIN (LM_NOSYSCALL: a system call would be needed) or EINVAL (the flags).
 */
void *lm_malloc(size_t size, unsigned flags);

/*
 * lm_aligned - as lm_malloc, at a multiple of `alignment`, a power of two; any other is EINVAL. With LM_DMA32 or
 * LM_NOSYSCALL more than 4 MiB is ENOMEM.
 */
void *lm_aligned(size_t alignment, size_t size, unsigned flags);

/* lm_calloc - as lm_malloc, for `count` objects of `size` bytes each, zeroed; a product that overflows is ENOMEM. */
void *lm_calloc(size_t count, size_t size, unsigned flags);

/*
 * lm_realloc - realloc(3), with flags for the case that the block moves; with LM_ZERO what is new is zero.
 *
 * pointer: NULL, or a block.  size: in bytes, 0 is 1.  Result: the block; NULL as for lm_malloc, and the old one
 * stays. A block of another malloc goes to that malloc's realloc; with LM_NOSYSCALL the call fails instead.
 */
void *lm_realloc(void *pointer, size_t size, unsigned flags);

/*
 * lm_vmalloc - one large range, mapped page by page, with a guard page behind it: what runs past its last page
 * faults.
 *
 * size: in bytes, rounded up to whole pages. The range ends at the guard page, and begins at a page.
 * Result: for lm_vfree or free(3); NULL with ENOMEM (also for 0 bytes). realloc(3) moves a range to a usual block, if
 * the new size is less than three quarters of its pages or more than all of them. That block has no guard page, and is
 * not for lm_vfree.
 */
void *lm_vmalloc(size_t size);

/* lm_vzalloc - as lm_vmalloc: the kernel hands out zeroed pages in any case. */
void *lm_vzalloc(size_t size);

/*
 * lm_vfree - frees a range of lm_vmalloc. NULL: nothing. Any other pointer is reported, and the process stops.
 */
void lm_vfree(void *pointer);

/*
 * lm_kvmalloc - lm_malloc, and where the heap has no room for it, or it is large (M_MMAP_THRESHOLD), lm_vmalloc. For
 * lm_kvfree or free(3). With LM_NOSYSCALL, LM_DMA32 or LM_HUGE it is lm_malloc alone.
 */
void *lm_kvmalloc(size_t size, unsigned flags);

/*
 * lm_kvfree - frees what any of malloc, lm_malloc, lm_vmalloc or lm_kvmalloc returned, also where the process has
 * another malloc than this library's. NULL: nothing.
 */
void lm_kvfree(void *pointer);

#ifdef __cplusplus
}
#endif

#endif
