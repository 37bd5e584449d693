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
 *      ZONE_DMA32   extents below 4 GiB, only for requests of addresses that fit 32 bits.
 *
 * Invariant (zone_check): while the lock is free, used_pages = total_pages - buddy.free_pages - detached_pages, and
 * dirty_pages = buddy.dirty_pages: each change was published. Every page of [run_first, span_end) is free, and no part
 * of a hot run; the page before run_first is not, unless it is hot or run_first = span_first; touched_end <= span_end,
 * touched_end <= known_end.
 *
 * zone.lock (RANK_ZONE) guards all fields but the published counts, which anyone may read (relaxed). No lock is held
 * over a call that may take long: pages that are being purged are off the lists meanwhile.
 */
#ifndef LM_PAGE_ZONE_H
#define LM_PAGE_ZONE_H

#include "os/lock.h"
#include "page/buddy.h"

enum zone_id { ZONE_HEAP, ZONE_MAPPED, ZONE_DMA32, ZONE_COUNT };

struct zone {
	struct lock lock;
	struct buddy buddy;
	uintptr_t span_first; /* page numbers; both 0 if there is no span at the break */
	uintptr_t span_end;
	uintptr_t run_first;
	uintptr_t touched_end; /* pages from here to span_end were not handed out since the break passed them */
	uintptr_t known_end;   /* the highest that touched_end has been in this span */
	size_t total_pages;
	size_t total_pages_most;
	bool is_hot_at_top;    /* there may be a hot run before run_first */
	size_t detached_pages; /* off the lists for a purge that is under way */

	/* Published. */
	_Atomic bool has_pages;     /* it was grown */
	_Atomic size_t used_pages;  /* handed out */
	_Atomic size_t dirty_pages; /* free and dirty */
	_Atomic size_t idle_pages;  /* free, and not untouched in the span */
} cache_line_aligned;

extern struct zone zones[ZONE_COUNT];

/* Free pages that have been in use, now. zone.lock is held. */
static inline size_t zone_idle_pages_now(const struct zone *zone)
{
	uintptr_t untouched = zone->touched_end > zone->run_first ? zone->touched_end : zone->run_first;
	return zone->buddy.free_pages - (zone->span_end - untouched);
}

/* Over all zones: pages handed out, pages that are free and dirty. */
size_t zone_used_pages(void);
size_t zone_dirty_pages(void);

/* Pages of the heap's current span that are free but have been in use. */
size_t zone_idle_pages(void);

/* Free pages of all zones, without the run at the top of the heap: lowering the break does not give these back. */
cold size_t zone_inner_free_pages(void);

/* True if the zone was ever grown. A hint: read without the lock. */
bool zone_has_pages(enum zone_id id);

/*
 * Both are for pointers at which no block begins, and take a page that is not in use. zone_keeps_page: true if it
 * belongs to a zone now: it is free, or in the heap's span. zone_page_was_used: true for a page of the heap's span that
 * was handed out; for a page over which the break went down, which may be anybody's now; for any other free page.
 */
cold bool zone_keeps_page(uintptr_t page);
cold bool zone_page_was_used(uintptr_t page);

/*
 * Steps of page_alloc, grow and purge; zone.lock is held. zone_take: `npages` (at most BUDDY_MAX_PAGES), aligned to
 * the next power of two, or 0. zone_put_run: such pages are free again. zone_carve takes the given pages, all of them
 * free and none hot. zone_put makes any pages free, zone_add_range new ones. zone_settle: no run is hot.
 */
uintptr_t zone_take(struct zone *zone, size_t npages);
void zone_put_run(struct zone *zone, uintptr_t page, size_t npages);
cold void zone_carve(struct zone *zone, uintptr_t page, size_t npages);
cold void zone_put(struct zone *zone, uintptr_t page, size_t npages);
cold void zone_settle(struct zone *zone);
cold void zone_add_range(struct zone *zone, uintptr_t page, size_t npages);

/* Pages that end at `end` are handed out. */
void zone_note_touched(struct zone *zone, uintptr_t end);

/* Publishes the counts, then releases the lock. The second is for a lock that was taken quietly (lock.h). */
void zone_unlock(struct zone *zone);
cold void zone_unlock_quiet(struct zone *zone);

/* For fork: takes the zone's lock at a moment when no page of it is detached. */
cold void zone_lock_settled(struct zone *zone);

cold void zone_check(struct zone *zone);

#endif
