/*
 * libmalloc/page.h - whole pages from the buddy system, like the kernel's __get_free_pages: lm_pages_alloc(3).
 */
#ifndef LIBMALLOC_PAGE_H
#define LIBMALLOC_PAGE_H

#include <libmalloc/flags.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	LM_PAGE_SHIFT = 12,
	LM_PAGE_SIZE = 1 << LM_PAGE_SHIFT, /* bytes, whatever the system's page is */
	LM_PAGE_MAX_ORDER = 10,
};

/*
 * lm_pages_alloc - 2^order contiguous pages, aligned to their total size.
 *
 * order: 0 to LM_PAGE_MAX_ORDER.  flags: LM_ZERO, LM_NOSYSCALL, LM_NORETRY, LM_NOFAIL, LM_NOWARN, LM_DMA32, or 0.
 * Result: the address of the first page, for lm_pages_free or free(3); NULL with EINVAL (bad order or flags), ENOMEM,
 * or EAGAIN (LM_NOSYSCALL: no free pages are ready).
 */
void *lm_pages_alloc(unsigned order, unsigned flags);

/*
 * lm_pages_free - gives pages of lm_pages_alloc back. NULL is ignored. If `order` is not that of the allocation, or
 * `pages` are no such pages, this is reported, and the process stops.
 */
void lm_pages_free(void *pages, unsigned order);

/*
 * lm_pages_alloc_exact - contiguous pages, as many as `size` bytes need and no more. Their alignment is their total
 * size, rounded up to a power of two.
 *
 * size: 1 byte to 4 MiB, else EINVAL.  flags, result: as for lm_pages_alloc; free the pages by lm_pages_free_exact or
 * free(3).
 */
void *lm_pages_alloc_exact(size_t size, unsigned flags);

/*
 * lm_pages_free_exact - gives pages of lm_pages_alloc_exact back. NULL is ignored. If `size` needs another number of
 * pages than the allocation, this is reported, and the process stops.
 */
void lm_pages_free_exact(void *pages, size_t size);

#ifdef __cplusplus
}
#endif

#endif
