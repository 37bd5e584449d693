/*
 * purge.c - see purge.h. The hysteresis counts are hints: relaxed atomics, a lost update does no harm.
 */
#include "page/purge.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/pagemap.h"

enum {
	PURGE_FLOOR_PAGES = 128, /* 512 KiB */
	PURGE_SHIFT = 4,
	REFUSALS_MAX = 4,
	LOOSENED_MAX_FEW = 10,           /* from 512 KiB to 512 MiB while there are few threads; */
	LOOSENED_MAX_MANY = 6,           /* else to 32 MiB; */
	LOOSENED_MAX_LIVE = PURGE_SHIFT, /* or from a part of the heap in use to all of it */
	REVIEW_PAGES = 64,               /* fewer purged pages say nothing */
	TIGHTEN_PAGES = 8192,            /* so many given back, and hardly any bought: the program is done with them */
};

static _Atomic unsigned loosened;
static _Atomic size_t purged;
static _Atomic size_t bought;
static _Atomic size_t most_used; /* pages in use at a review, since the last decision */
static _Atomic bool many_threads;

/*
 * One thread that frees all it has and builds it up again, over and over, needs it all again. Of many threads each may
 * have done so, and be idle now.
 */
static unsigned loosened_max(void)
{
	return atomic_load_explicit(&many_threads, memory_order_relaxed) ? LOOSENED_MAX_MANY : LOOSENED_MAX_FEW;
}

unsigned purge_loosened(void)
{
	return (unsigned)size_min(atomic_load_explicit(&loosened, memory_order_relaxed), loosened_max());
}

void purge_note_threads(size_t threads)
{
	atomic_store_explicit(&many_threads, threads > FEW_THREADS, memory_order_relaxed);
}

size_t purge_limit_pages(size_t live_pages)
{
	unsigned level = purge_loosened();
	return size_max(live_pages >> PURGE_SHIFT << size_min(level, LOOSENED_MAX_LIVE),
			(size_t)PURGE_FLOOR_PAGES << level);
}

void purge_note_purged(size_t npages) { atomic_fetch_add_explicit(&purged, npages, memory_order_relaxed); }
void purge_note_bought(size_t npages) { atomic_fetch_add_explicit(&bought, npages, memory_order_relaxed); }

static void decide(unsigned now_loosened)
{
	atomic_store_explicit(&loosened, now_loosened, memory_order_relaxed);
	atomic_store_explicit(&purged, 0, memory_order_relaxed);
	atomic_store_explicit(&bought, 0, memory_order_relaxed);
	atomic_store_explicit(&most_used, 0, memory_order_relaxed);
}

/* The level at which so many pages would not have been purged. */
static unsigned level_for(size_t npages) { return log2_ceil(npages) - log2_ceil(PURGE_FLOOR_PAGES); }

/* A program that frees all it has and builds it up again buys back only then: before, nothing is known. */
static size_t tighten_pages(void)
{
	size_t most = size_max(atomic_load_explicit(&most_used, memory_order_relaxed), zone_used_pages());
	atomic_store_explicit(&most_used, most, memory_order_relaxed);
	return size_max(TIGHTEN_PAGES, most * 2);
}

void purge_review(void)
{
	size_t npurged = atomic_load_explicit(&purged, memory_order_relaxed);
	size_t nbought = atomic_load_explicit(&bought, memory_order_relaxed);
	unsigned now = purge_loosened();
	size_t tighten = tighten_pages();
	if (npurged < REVIEW_PAGES || !setting(&settings.adaptive_trim))
		return;
	if (nbought * 2 >= npurged)
		decide((unsigned)size_min(size_max(now + 1, npurged > PURGE_FLOOR_PAGES ? level_for(npurged) : 0),
					  loosened_max()));
	else if (npurged >= tighten && nbought * 8 < npurged)
		decide(now > 0 ? now - 1 : 0);
}

bool purge_block(struct zone *zone, struct buddy_block block)
{
	size_t npages = (size_t)1 << block.order;
	size_t dirty = pagemap_count_dirty(block.page, npages);
	buddy_carve(&zone->buddy, block.page, npages);
	zone_detach(zone, block);
	zone_unlock(zone);
	bool gone = npages << PAGE_SHIFT >= os_page_size() &&
		      os_purge((void *)(block.page << PAGE_SHIFT), npages << PAGE_SHIFT);
	lock_acquire(&zone->lock, RANK_ZONE);
	zone_attach_purged(zone, block, gone);
	if (gone)
		purge_note_purged(dirty);
	return gone;
}

/* Blocks smaller than a page of the system cannot be purged. */
static unsigned min_order(void) { return log2_ceil(os_page_size() >> PAGE_SHIFT); }

/* A block that the kernel refuses to purge (locked in memory, say) is passed over, and after some of them all are. */
static size_t purge_zone(struct zone *zone, size_t keep_pages)
{
	struct buddy_block block;
	size_t count = 0;
	int refused = 0;
	lock_acquire(&zone->lock, RANK_ZONE);
	while (refused < REFUSALS_MAX && zone->buddy.dirty_pages > keep_pages &&
	       buddy_find_dirty(&zone->buddy, min_order(), &block)) {
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
