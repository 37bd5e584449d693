/*
 * libmalloc/alloc.h - malloc with flags, and ranges with a guard page: lm_malloc(3), lm_vmalloc(3).
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
 * Result: a block, which free(3), realloc(3) and malloc_usable_size(3) take like any other; realloc does not keep the
 * flags. If the process has another malloc than this library's, use lm_realloc and lm_kvfree instead. NULL with errno
 * ENOMEM; EAGAIN (LM_NOSYSCALL: no memory is ready); or EINVAL (bad flags, or LM_NOFAIL with a size that no memory can
 * serve).
 */
void *lm_malloc(size_t size, unsigned flags);

/*
 * lm_aligned - like lm_malloc, at a multiple of `alignment` bytes.
 *
 * alignment: a power of two below 2^47; with LM_DMA32 or LM_NOSYSCALL at most 4 MiB. Else EINVAL, with a line on
 * standard error.
 */
void *lm_aligned(size_t alignment, size_t size, unsigned flags);

/* lm_calloc - like lm_malloc, for `count` objects of `size` bytes each, zeroed. If the product overflows: ENOMEM. */
void *lm_calloc(size_t count, size_t size, unsigned flags);

/*
 * lm_realloc - realloc(3), with flags for the case that the block moves. With LM_ZERO in all calls for the block, what
 * it grows by is zero.
 *
 * pointer: NULL, or a block.  size: in bytes; 0 is taken as 1.
 * Result: the block; NULL as for lm_malloc, and the old block stays as it was. A block of another malloc goes to that
 * malloc's realloc; with LM_NOSYSCALL the call fails instead.
 */
void *lm_realloc(void *pointer, size_t size, unsigned flags);

/*
 * lm_vmalloc - one large range of zeroed pages, with a guard page behind it: an access past the last page faults.
 *
 * size: in bytes, rounded up to whole pages. The range begins at a page.
 * Result: the range, for lm_vfree or free(3); NULL with ENOMEM (also for 0 bytes). realloc(3) moves a range to a usual
 * block if the new size is less than three quarters of the range's pages, or more than all of them. That block has no
 * guard page, and is not for lm_vfree.
 */
void *lm_vmalloc(size_t size);

/* lm_vzalloc - the same as lm_vmalloc, whose pages are zero too. */
void *lm_vzalloc(size_t size);

/*
 * lm_vfree - frees a range of lm_vmalloc. NULL is ignored. Any other pointer is reported, and the process stops.
 */
void lm_vfree(void *pointer);

/*
 * lm_kvmalloc - lm_malloc for sizes below M_MMAP_THRESHOLD, lm_vmalloc for others; if one has no memory, the other.
 * With LM_NOSYSCALL, LM_DMA32 or LM_HUGE it is lm_malloc only.
 *
 * size: in bytes.  flags: as for lm_malloc.
 * Result: a block, for lm_kvfree or free(3); NULL as for lm_malloc.
 */
void *lm_kvmalloc(size_t size, unsigned flags);

/*
 * lm_kvfree - frees a block of malloc, lm_malloc, lm_vmalloc or lm_kvmalloc, also if the process has another malloc
 * than this library's. NULL is ignored.
 */
void lm_kvfree(void *pointer);

#ifdef __cplusplus
}
#endif

#endif
