/*
 * libmalloc/page.h - whole pages from the buddy system, as the kernel's __get_free_pages. lm_pages_alloc(3).
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
 * lm_pages_alloc - 2^order pages, aligned to their size.
 *
 * order: 0 to LM_PAGE_MAX_ORDER.  flags: LM_ZERO, LM_NOSYSCALL, LM_NORETRY, LM_NOFAIL, LM_NOWARN, LM_DMA32, or 0.
 * Result: the first page, for lm_pages_free or free(3); NULL with EINVAL (the order or the flags), ENOMEM, or EAGAIN
 * as for lm_malloc.
 */
void *lm_pages_alloc(unsigned order, unsigned flags);

/*
 * lm_pages_free - gives them back. NULL: nothing. Another order, or no such pages: reported, and the process stops.
 */
void lm_pages_free(void *pages, unsigned order);

/*
 * lm_pages_alloc_exact - as many pages as `size` bytes need, not more: contiguous, aligned to the next power of two
 * (to 4 MiB at most). size: 1 byte to 4 MiB; else EINVAL.
 */
void *lm_pages_alloc_exact(size_t size, unsigned flags);

/*
 * lm_pages_free_exact - gives them back; the same size as at lm_pages_alloc_exact, or it is reported. NULL:
 * nothing.
 */
void lm_pages_free_exact(void *pages, size_t size);

#ifdef __cplusplus
}
#endif

#endif
