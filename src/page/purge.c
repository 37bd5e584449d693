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
	LOOSENED_MAX = 4,
	REVIEW_PAGES = 64, /* the limit is reviewed each time that so many pages were purged */
};

static _Atomic unsigned loosened;
static _Atomic size_t purged;
static _Atomic size_t bought;

unsigned purge_loosened(void) { return atomic_load_explicit(&loosened, memory_order_relaxed); }

size_t purge_limit_pages(size_t live_pages)
{
	return size_max(live_pages >> PURGE_SHIFT, PURGE_FLOOR_PAGES) << purge_loosened();
}

void purge_note_purged(size_t npages) { atomic_fetch_add_explicit(&purged, npages, memory_order_relaxed); }
void purge_note_bought(size_t npages) { atomic_fetch_add_explicit(&bought, npages, memory_order_relaxed); }

void purge_review(void)
{
	size_t npurged = atomic_load_explicit(&purged, memory_order_relaxed);
	if (npurged < REVIEW_PAGES || !setting(&settings.adaptive_trim))
		return;
	size_t nbought = atomic_exchange_explicit(&bought, 0, memory_order_relaxed);
	unsigned now = purge_loosened();
	atomic_store_explicit(&purged, 0, memory_order_relaxed);
	if (nbought * 2 >= npurged && now < LOOSENED_MAX)
		atomic_store_explicit(&loosened, now + 1, memory_order_relaxed);
	else if (nbought * 8 < npurged && now > 0)
		atomic_store_explicit(&loosened, now - 1, memory_order_relaxed);
}

bool purge_block(struct zone *zone, struct buddy_block block)
{
	size_t npages = (size_t)1 << block.order;
	buddy_carve(&zone->buddy, block.page, npages);
	zone_detach(zone, block);
	zone_unlock(zone);
	bool gone = npages << PAGE_SHIFT >= os_page_size() &&
		      os_purge((void *)(block.page << PAGE_SHIFT), npages << PAGE_SHIFT);
	lock_acquire(&zone->lock, RANK_ZONE);
	zone_attach_purged(zone, block, gone);
	if (gone)
		purge_note_purged(npages);
	return gone;
}

/* Blocks smaller than a page of the system cannot be purged. */
static unsigned min_order(void) { return log2_ceil(os_page_size() >> PAGE_SHIFT); }

static size_t purge_zone(struct zone *zone, size_t keep_pages)
{
	struct buddy_block block;
	size_t count = 0;
	bool going = true;
	lock_acquire(&zone->lock, RANK_ZONE);
	while (going && zone->buddy.dirty_pages > keep_pages && buddy_find_dirty(&zone->buddy, min_order(), &block)) {
		going = purge_block(zone, block);
		count += going ? (size_t)1 << block.order : 0;
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
