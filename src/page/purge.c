/* purge.c - see purge.h. The hysteresis counts are hints: relaxed atomics, a lost update does no harm. */
#include "page/purge.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/map.h"
#include "os/thread.h"
#include "page/pagemap.h"

enum {
	PURGE_FLOOR_PAGES = 128, /* 512 KiB: the limit of small heaps */
	PURGE_SHIFT = 4,         /* the limit is 1/2^this of the pages in use */
	REFUSALS_MAX = 4,        /* blocks that the kernel may refuse to purge before a round ends */
	LOOSENED_MAX_FEW = 10,           /* doublings of the floor: to 512 MiB. 6: a list of 4 M nodes: 20 ns, not 15 */
	LOOSENED_MAX_MANY = 6,           /* doublings of the floor with more threads: to 32 MiB */
	LOOSENED_MAX_LIVE = PURGE_SHIFT, /* doublings of the part of the pages in use: to all of them */
	REVIEW_PAGES = 64,               /* a review decides nothing before so many pages were purged */
	TIGHTEN_PAGES = 8192,            /* 32 MiB purged, and hardly any refaulted: the program is done with them */
};

static _Atomic unsigned loosened;
static _Atomic size_t purged;
static _Atomic size_t bought;
static _Atomic size_t most_used; /* pages in use at a review, since the last decision */

/*
 * A thread that frees all its memory and allocates it again, over and over, needs it all again. With many threads, most
 * of this memory may belong to threads that are idle now.
 */
static unsigned loosened_max(void)
{
	return thread_count() > FEW_THREADS ? LOOSENED_MAX_MANY : LOOSENED_MAX_FEW;
}

unsigned purge_loosened(void) { return (unsigned)size_min(load_relaxed(&loosened), loosened_max()); }

size_t purge_limit_pages(size_t live_pages)
{
	unsigned level = purge_loosened();
	size_t learned = size_max(live_pages >> PURGE_SHIFT << size_min(level, LOOSENED_MAX_LIVE),
				  (size_t)PURGE_FLOOR_PAGES << level);
	return size_max(learned, settings_kept_bytes() >> PAGE_SHIFT);
}

size_t purge_keep_pages(size_t limit_pages)
{
	size_t quarter = limit_pages / 4;
	return size_max(quarter, size_min(load_relaxed(&settings.top_pad) >> PAGE_SHIFT, limit_pages - quarter));
}

void purge_note_purged(size_t npages) { add_relaxed(&purged, npages); }
void purge_note_bought(size_t npages) { add_relaxed(&bought, npages); }

/* A decision: the counts begin anew. */
static void loosen_to(unsigned level)
{
	store_relaxed(&loosened, level);
	store_relaxed(&purged, 0);
	store_relaxed(&bought, 0);
	store_relaxed(&most_used, 0);
}

/* The lowest level at which so many pages would not have been purged. */
static unsigned level_for(size_t npages) { return log2_ceil(npages) - log2_ceil(PURGE_FLOOR_PAGES); }

/* A program that frees all its memory refaults it only when it allocates again. Before, nothing can be learned. */
static size_t tighten_pages(void)
{
	size_t most = size_max(load_relaxed(&most_used), zone_used_pages());
	store_relaxed(&most_used, most);
	return size_max(TIGHTEN_PAGES, most * 2);
}

void purge_review(void)
{
	size_t npurged = load_relaxed(&purged);
	size_t nbought = load_relaxed(&bought);
	unsigned now = purge_loosened();
	size_t tighten = tighten_pages();
	if (npurged < REVIEW_PAGES || !load_relaxed(&settings.adaptive_trim))
		return;
	if (nbought * 2 >= npurged)
		loosen_to((unsigned)size_min(size_max(now + 1, npurged > PURGE_FLOOR_PAGES ? level_for(npurged) : 0),
					     loosened_max()));
	else if (npurged >= tighten && nbought * 8 < npurged)
		loosen_to(now > 0 ? now - 1 : 0);
}

bool purge_block(struct zone *zone, struct buddy_block block)
{
	size_t npages = (size_t)1 << block.order;
	size_t dirty = pagemap_count_dirty(block.page, npages);
	zone_carve(zone, block.page, npages);
	zone->detached_pages += npages;
	zone_unlock(zone);
	bool gone = npages << PAGE_SHIFT >= os_page_size() &&
		    os_purge((void *)(block.page << PAGE_SHIFT), npages << PAGE_SHIFT);
	lock_acquire(&zone->lock, RANK_ZONE);
	zone->detached_pages -= npages;
	if (gone) {
		pagemap_set_dirty(block.page, npages, PAGES_CLEAN);
		purge_note_purged(dirty);
	}
	zone_put(zone, block.page, npages);
	return gone;
}

/* Blocks smaller than a page of the system cannot be purged. */
static unsigned min_order(void) { return log2_ceil(os_page_size() >> PAGE_SHIFT); }

/* Others may have made runs hot while the lock was free. */
static bool find_dirty(struct zone *zone, struct buddy_block *block)
{
	zone_settle(zone);
	return buddy_find_dirty(&zone->buddy, min_order(), block);
}

/* A block that the kernel refuses to purge (memory may be locked) is skipped; after REFUSALS_MAX, all others are. */
static size_t purge_zone(struct zone *zone, size_t keep_pages)
{
	struct buddy_block block;
	size_t count = 0;
	int refused = 0;
	lock_acquire(&zone->lock, RANK_ZONE);
	while (refused < REFUSALS_MAX && zone->buddy.dirty_pages > keep_pages &&
	       find_dirty(zone, &block)) {
		if (purge_block(zone, block)) {
			count += (size_t)1 << block.order;
		} else {
			buddy_demote(&zone->buddy, block.page);
			refused++;
		}
	}
	zone_unlock(zone);
	return count;
}

size_t purge_free_pages(size_t keep_pages)
{
	size_t count = 0;
	for (int id = 0; id < ZONE_COUNT; id++)
		count += purge_zone(&zones[id], keep_pages);
	return count;
}
