/*
 * trim.c - see trim.h.
 *
 * The kernel frees frames at some microseconds a hundred, and others wait for zone.lock: so a large run is purged
 * first, block by block with no lock held, and the break is moved only over a run that is nearly clean.
 */
#include "page/trim.h"

#include "base/bits.h"
#include "base/settings.h"
#include "base/thread.h"
#include "os/brk.h"
#include "os/page_size.h"
#include "page/pagemap.h"
#include "page/purge.h"

enum { QUICK_DIRTY_PAGES = 64, STEPS_MAX = 1 << 16, SLACK_SHIFT = 6, LOOSENED_MORE = 2 };

size_t trim_threshold_pages(void)
{
	size_t threshold = setting(&settings.trim_threshold) >> PAGE_SHIFT;
	unsigned level = purge_loosened();
	unsigned loosened = level == 0 ? 0 : level + LOOSENED_MORE;
	return threshold > SIZE_MAX >> loosened ? SIZE_MAX : threshold << loosened;
}

/* The idle pages that emptying magazines did not make go away, as far as is known: a hint, relaxed. */
static _Atomic size_t idle_floor;

/* The floor, which is never above what is idle now. */
static size_t floor_of(size_t idle)
{
	size_t floor = atomic_load_explicit(&idle_floor, memory_order_relaxed);
	if (idle < floor)
		atomic_store_explicit(&idle_floor, idle, memory_order_relaxed);
	return size_min(floor, idle);
}

bool trim_wants_drain(void)
{
	size_t idle = zone_idle_pages();
	return idle - floor_of(idle) > trim_threshold_pages();
}

void trim_note_grown(void) { floor_of(zone_idle_pages()); }

void trim_note_drained(void) { atomic_store_explicit(&idle_floor, zone_idle_pages(), memory_order_relaxed); }

/*
 * A heap that shrinks from its top would pass the threshold again with each slab, since the pad that was left is
 * touched: unless the thresholds were set, so much more than the threshold must be free.
 */
static size_t trim_slack_pages(const struct zone *zone)
{
	size_t used = atomic_load_explicit(&zone->used_pages, memory_order_relaxed);
	return setting(&settings.adaptive_trim) ? used >> SLACK_SHIFT : 0;
}

/*
 * The threads that hold the break: one entry for each hold. Guarded by the heap's lock. When the table is full,
 * existing entries stand for the new thread as well.
 */
enum { HOLDERS_MAX = 16 };
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

/* Only the heap has a run at its top. */
bool trim_is_due(const struct zone *zone)
{
	return zone->touched_end > zone->run_first && nholders == 0 &&
	       zone->touched_end - zone->run_first > trim_threshold_pages() + trim_slack_pages(zone);
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
	pagemap_set_dirty(end, npages, false);
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
	while (page > end && buddy_find_ending(&zone->buddy, page, &block)) {
		if (pagemap_count_dirty(block.page, (size_t)1 << block.order) > 0)
			return purge_block(zone, block);
		page = block.page;
	}
	return false;
}

/* One step towards a lower break: DONE when it moved, FAILED when it cannot, AGAIN when some of the run was purged. */
enum step { STEP_AGAIN, STEP_DONE, STEP_FAILED };

static enum step trim_step(struct zone *zone, size_t pad_bytes)
{
	uintptr_t end = lowest_end(zone, pad_bytes);
	if (end == 0)
		return STEP_FAILED;
	size_t dirty = pagemap_count_dirty(end, zone->span_end - end);
	if (dirty > QUICK_DIRTY_PAGES && purge_highest(zone, end))
		return STEP_AGAIN;
	return break_lower(zone, end) ? STEP_DONE : STEP_FAILED;
}

bool trim_to_pad(struct zone *zone, size_t pad_bytes)
{
	enum step step = STEP_AGAIN;
	lock_acquire(&zone->lock, RANK_ZONE);
	for (int i = 0; i < STEPS_MAX && step == STEP_AGAIN; i++)
		step = trim_step(zone, pad_bytes);
	zone_unlock(zone);
	return step == STEP_DONE;
}

void trim_top(struct zone *zone)
{
	purge_review();
	trim_to_pad(zone, setting(&settings.top_pad));
}
