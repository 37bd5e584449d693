/*
 * page_alloc.h - pages out of the zones and back (the kernel's alloc_pages).
 *
 *      page_alloc_from   free pages of the heap, then of the mapped zone; else a zone grows (grow.h)
 *      page_free         the pages merge in the buddy; the break goes down if the free run at its end is long (trim.h)
 *
 * No lock is held by the caller. zone.lock is held inside.
 */
#ifndef LM_PAGE_PAGE_ALLOC_H
#define LM_PAGE_PAGE_ALLOC_H

#include "page/zone.h"

/* What page_alloc hands out and page_free takes: npages (not 0) from `page` on. It belongs to who has the pages. */
enum { RUN_MASK_PAGES = 32 };
struct page_run {
	uintptr_t page;
	size_t npages;
	uint32_t dirty; /* up to 32 pages: bit i, page i may hold old content; more pages: 0 when all are zero */
	enum zone_id zone;
	bool begins_huge; /* first of HUGE_PAGES that are aligned to their size and clean, the others of them free */
};

/*
 * Which pages will do. PAGES_GROW: any. PAGES_FREE: those that are free already. PAGES_QUIET: the same, with no system
 * call and without waiting, so that a signal handler may ask, whatever it has interrupted; none while another thread
 * holds the zone's lock.
 */
enum page_how { PAGES_GROW, PAGES_FREE, PAGES_QUIET };

/*
 * Hands out `npages` (1 or more) contiguous pages, aligned to the next power of two (at most to 4 MiB): of ZONE_DMA32,
 * or with ZONE_HEAP of either other zone. The page map has a leaf for them. False when there is no memory.
 */
bool page_alloc_from(enum zone_id zone, size_t npages, enum page_how how, struct page_run *run);

/* Takes a run back; run->dirty says which pages were written (more than 32 pages: 0, or all). May lower the break. */
void page_free(const struct page_run *run);

#endif
