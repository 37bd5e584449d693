/*
 * trim.c - see trim.h.
 *
 * The kernel needs some microseconds to free a hundred frames, and other threads wait for zone.lock. So a large run is
 * purged first, block by block with no lock held, and the break moves only over a run that is nearly clean.
 */
#include "page/trim.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/brk.h"
#include "os/map.h"
#include "os/thread.h"
#include "page/pagemap.h"
#include "page/purge.h"

enum {
	QUICK_DIRTY_PAGES = 64, /* dirty pages over which the break moves at once: bounds the time under zone.lock */
	STEPS_MAX = 1 << 16,    /* blocks that one trim purges, while other threads dirty more */
	SLACK_SHIFT = 6,        /* 1/2^this of the heap. None: a list of 4 M nodes calls brk 31,700 times, not 1,360 */
	LOOSENED_MORE = 2,      /* doublings of the trim threshold beyond those of the purge limit */
};

size_t trim_threshold_pages(void)
{
	size_t threshold = settings_kept_bytes() >> PAGE_SHIFT;
	unsigned level = purge_loosened();
	unsigned loosened = level == 0 ? 0 : level + LOOSENED_MORE;
	return threshold > SIZE_MAX >> loosened ? SIZE_MAX : threshold << loosened;
}

/* The idle pages that were left after the last drain: a hint, relaxed. */
static _Atomic size_t idle_floor;

/* Lowers the floor to the idle pages of now, if these are fewer. */
static size_t lowered_floor(size_t idle)
{
	size_t floor = load_relaxed(&idle_floor);
	if (idle < floor)
		store_relaxed(&idle_floor, idle);
	return size_min(floor, idle);
}

bool trim_drain_is_due(void)
{
	size_t idle = zone_idle_pages();
	return idle - lowered_floor(idle) > trim_threshold_pages();
}

void trim_note_grown(void) { lowered_floor(zone_idle_pages()); }

void trim_note_drained(void) { store_relaxed(&idle_floor, zone_idle_pages()); }

/*
 * Pages that must be free beyond the threshold, unless the program set the thresholds. Without this slack, a heap that
 * shrinks from its top would pass the threshold again with each slab, since the pad that was left is touched.
 */
static size_t trim_slack_pages(const struct zone *zone)
{
	size_t used = load_relaxed(&zone->used_pages);
	return load_relaxed(&settings.adaptive_trim) ? used >> SLACK_SHIFT : 0;
}

/*
 * The threads that hold the break: one entry for each hold. Guarded by the heap's lock. When the table is full,
 * existing entries stand for the new thread as well.
 */
enum { HOLDERS_MAX = 16 }; /* threads that run out of memory at once */
static uintptr_t holders[HOLDERS_MAX];
static size_t nholders;

void trim_hold(void)
{
	lock_acquire(&zones[ZONE_HEAP].lock, RANK_ZONE);
	if (nholders < HOLDERS_MAX)
		holders[nholders++] = thread_self();
	lock_release(&zones[ZONE_HEAP].lock, RANK_ZONE);
}

void trim_release(void)
{
	lock_acquire(&zones[ZONE_HEAP].lock, RANK_ZONE);
	size_t at = 0;
	while (at < nholders && holders[at] != thread_self())
		at++;
	if (at < nholders)
		holders[at] = holders[--nholders];
	lock_release(&zones[ZONE_HEAP].lock, RANK_ZONE);
}

void trim_fork_child(void)
{
	size_t own = 0;
	for (size_t i = 0; i < nholders; i++)
		if (holders[i] == thread_self())
			holders[own++] = thread_self();
	nholders = own;
}

static noinline bool exceeds_threshold(const struct zone *zone, size_t npages)
{
	size_t slack = trim_slack_pages(zone);
	return npages > slack && npages - slack > trim_threshold_pages();
}

/*
 * Unless all idle pages together exceed the threshold, the run at the top does not, whatever hot runs belong to it.
 * Only the heap has a run at its top: elsewhere touched_end is 0.
 */
bool trim_is_due(struct zone *zone)
{
	if (nholders != 0 || likely(!exceeds_threshold(zone, zone_idle_pages_now(zone))))
		return false;
	if (zone->is_hot_at_top)
		zone_settle(zone);
	return zone->touched_end > zone->run_first && exceeds_threshold(zone, zone->touched_end - zone->run_first);
}

/* The page that the break may go down to, or 0 when there is nothing to lower. zone.lock is held. */
static uintptr_t lowest_end(const struct zone *zone, size_t pad_bytes)
{
	size_t pad_pages = size_min(pad_bytes, SIZE_MAX / 2) >> PAGE_SHIFT;
	size_t unit = os_page_size() >> PAGE_SHIFT;
	if (zone->span_end - zone->run_first <= pad_pages)
		return 0;
	uintptr_t end = round_up(zone->run_first + pad_pages, unit);
	if (end >= zone->span_end || os_brk_now() != zone->span_end << PAGE_SHIFT)
		return 0;
	return end;
}

static bool break_lower(struct zone *zone, uintptr_t end)
{
	size_t npages = zone->span_end - end;
	size_t dirty = pagemap_count_dirty(end, npages);
	buddy_carve(&zone->buddy, end, npages);
	if (!os_brk_lower(zone->span_end << PAGE_SHIFT, npages << PAGE_SHIFT)) {
		buddy_put_range(&zone->buddy, end, npages);
		return false;
	}
	purge_note_purged(dirty);
	pagemap_set_dirty(end, npages, PAGES_CLEAN);
	zone->total_pages -= npages;
	zone->span_end = end;
	zone->touched_end = size_min(zone->touched_end, end);
	return true;
}

/* Purges the highest dirty block at or above `end`, with the lock released meanwhile. False when none could be. */
static bool purge_highest(struct zone *zone, uintptr_t end)
{
	struct buddy_block block;
	uintptr_t page = zone->span_end;
	while (page > end && buddy_find_around(&zone->buddy, page - 1, &block)) {
		if (pagemap_count_dirty(block.page, (size_t)1 << block.order) > 0)
			return purge_block(zone, block);
		page = block.page;
	}
	return false;
}

/* While the run is too dirty, purges one block of it. The lock is free meanwhile, so each step looks at all again. */
bool trim_to_pad(struct zone *zone, size_t pad_bytes)
{
	uintptr_t end;
	int steps = 0;
	lock_acquire(&zone->lock, RANK_ZONE);
	do {
		zone_settle(zone);
		end = lowest_end(zone, pad_bytes);
	} while (end != 0 && pagemap_count_dirty(end, zone->span_end - end) > QUICK_DIRTY_PAGES &&
		 purge_highest(zone, end) && ++steps < STEPS_MAX);
	/* The lock was free if the last block could not be purged. */
	zone_settle(zone);
	end = lowest_end(zone, pad_bytes);
	bool lowered = end != 0 && steps < STEPS_MAX && break_lower(zone, end);
	zone_unlock(zone);
	return lowered;
}

void trim_top(struct zone *zone)
{
	purge_review();
	trim_to_pad(zone, load_relaxed(&settings.top_pad));
}
