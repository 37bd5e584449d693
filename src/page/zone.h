/*
 * zone.h - where pages come from: each zone is a buddy with its lock and the address ranges that feed it.
 *
 *      ZONE_HEAP    the brk heap. Its current span ends at the break; spans that another caller of sbrk cut off from
 *                   the break stay in use but no longer grow or shrink.
 *
 *          span_first            run_first             span_end = the break
 *             |  slabs, runs, holes  |  all free ......... |   <- M_TRIM_THRESHOLD looks at this run
 *
 *      ZONE_MAPPED  extents of 4 MiB and more from mmap, used when the break cannot be raised.
 *
 *      ZONE_DMA32   extents below 4 GiB, for who asks for addresses that fit 32 bits, and for nobody else.
 *
 * Invariant (zone_check): total_pages = used pages + buddy.free_pages + detached_pages; every page of
 * [run_first, span_end) is free; the page before run_first is not.
 *
 * zone.lock (RANK_ZONE) guards everything in it but the published counts, which anyone may read. No lock is held
 * over a call that may take long: pages that are being purged are detached from the lists meanwhile.
 */
#ifndef LM_PAGE_ZONE_H
#define LM_PAGE_ZONE_H

#include "base/lock.h"
#include "page/buddy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum zone_id { ZONE_HEAP, ZONE_MAPPED, ZONE_DMA32, ZONE_COUNT };

struct zone {
	struct lock lock;
	struct buddy buddy;
	uintptr_t span_first; /* page numbers; both 0 where there is no span at the break */
	uintptr_t span_end;
	uintptr_t run_first;
	uintptr_t touched_end; /* pages from here to span_end were not handed out since the break passed them */
	uintptr_t known_end;   /* the highest that touched_end has been in this span */
	size_t total_pages;
	size_t total_pages_most;
	size_t detached_pages; /* taken off the lists by a purge that is under way */
	_Atomic bool has_pages;      /* published: it was grown */
	_Atomic size_t used_pages;   /* published: handed out */
	_Atomic size_t dirty_pages;  /* published: free and dirty */
	_Atomic size_t idle_pages;   /* published: of the span, free but not untouched */
} cache_line_aligned;

extern struct zone zones[ZONE_COUNT];

/* Over all zones: pages handed out, pages that are free and dirty. */
size_t zone_used_pages(void);
size_t zone_dirty_pages(void);

/* Pages of the heap's current span that are free but have been in use. */
size_t zone_idle_pages(void);

/* Free pages that lowering the break does not give back: of all zones, but for the run at the top of the heap. */
size_t zone_inner_free_pages(void);

/* True if the zone was ever grown. A hint: read without the lock. */
bool zone_has_pages(enum zone_id id);

/* What page_alloc hands out and page_free takes: npages from `page` on. */
struct page_run {
	uintptr_t page;
	size_t npages;
	uint32_t dirty; /* up to 32 pages: bit i, page i may hold old content; more pages: 0 when all are zero */
	enum zone_id zone;
	bool begins_huge; /* it begins HUGE_PAGES that are free else and all clean, aligned to their size */
};

enum { HUGE_PAGES = 512 };

/*
 * Hands out `npages` (1 or more) contiguous pages, aligned to the next power of two (at most to 4 MiB). The page map
 * has
 * a leaf for them. False when there is no memory.
 */
bool page_alloc(size_t npages, struct page_run *run);

/*
 * How pages are had. PAGES_QUIET: those that are free already, with no system call and without waiting, so that a
 * signal handler may ask, whatever it has interrupted; false too where another thread is just at the zone.
 */
enum page_how { PAGES_GROW, PAGES_QUIET };

/* The same of ZONE_DMA32, or with ZONE_HEAP of either other zone, as page_alloc. */
bool page_alloc_from(enum zone_id zone, size_t npages, enum page_how how, struct page_run *run);

/* Takes a run back; run->dirty says which pages were written (more than 32 pages: 0, or all). May lower the break. */
void page_free(const struct page_run *run);

/*
 * Both are for pointers at which no block begins, and take a page that is not in use. zone_keeps_page: true if it
 * belongs to a zone now, being free there or in the span of the heap. zone_page_was_used: true if it was in use
 * before. That is a free page, unless it lies in the span and is untouched; or one over which the break went down, and
 * which may be anybody's now.
 */
bool zone_keeps_page(uintptr_t page);
bool zone_page_was_used(uintptr_t page);

/* Steps that page_alloc and the purger share; zone.lock is held. */
void zone_add_range(struct zone *zone, uintptr_t page, size_t npages);
void zone_note_taken(struct zone *zone, uintptr_t page, size_t npages);
void zone_note_put(struct zone *zone, uintptr_t page, size_t npages);
void zone_detach(struct zone *zone, struct buddy_block block);
void zone_attach_purged(struct zone *zone, struct buddy_block block, bool purged);
void zone_unlock(struct zone *zone);

/* For fork: takes the zone's lock at a moment when no page of it is detached. */
void zone_lock_settled(struct zone *zone);

void zone_check(struct zone *zone);

#endif
