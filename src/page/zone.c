/* zone.c - see zone.h. */
#include "page/zone.h"

#include "base/bits.h"
#include "os/report.h"
#include "os/syscall.h"
#include "page/pagemap.h"

struct zone zones[ZONE_COUNT] = {
	[ZONE_HEAP] = {.buddy = {.tag = ZONE_HEAP << PAGE_ZONE_SHIFT}},
	[ZONE_MAPPED] = {.buddy = {.tag = ZONE_MAPPED << PAGE_ZONE_SHIFT}},
	[ZONE_DMA32] = {.buddy = {.tag = ZONE_DMA32 << PAGE_ZONE_SHIFT}},
};

static size_t sum_of(size_t offset)
{
	size_t sum = 0;
	for (int id = 0; id < ZONE_COUNT; id++)
		sum += load_relaxed((_Atomic size_t *)((char *)&zones[id] + offset));
	return sum;
}

size_t zone_used_pages(void) { return sum_of(offsetof(struct zone, used_pages)); }
size_t zone_dirty_pages(void) { return sum_of(offsetof(struct zone, dirty_pages)); }

size_t zone_idle_pages(void) { return load_relaxed(&zones[ZONE_HEAP].idle_pages); }

size_t zone_inner_free_pages(void)
{
	size_t inner = 0;
	for (int id = 0; id < ZONE_COUNT; id++) {
		struct zone *zone = &zones[id];
		lock_acquire(&zone->lock, RANK_ZONE);
		zone_settle(zone);
		inner += zone->buddy.free_pages - (zone->span_end - zone->run_first);
		lock_release(&zone->lock, RANK_ZONE);
	}
	return inner;
}

bool zone_has_pages(enum zone_id id) { return load_relaxed(&zones[id].has_pages); }

/* The run at the top is free, and the page before it is not. */
static void run_check(const struct zone *zone)
{
	struct buddy_block block;
	for (uintptr_t page = zone->run_first; page < zone->span_end; page = block.page + ((uintptr_t)1 << block.order))
		if (!buddy_find_around(&zone->buddy, page, &block))
			report_internal("zone: the run at the top is not all free");
	if (zone->run_first > zone->span_first && buddy_find_around(&zone->buddy, zone->run_first - 1, &block))
		report_internal("zone: the run at the top begins too late");
	if (zone->touched_end > zone->span_end || zone->known_end < zone->touched_end)
		report_internal("zone: the touched pages end beyond the break");
}

static void publish(struct zone *zone)
{
	if (DEBUG_CHECKS)
		run_check(zone);
	size_t used = zone->total_pages - zone->buddy.free_pages - zone->detached_pages;
	store_relaxed(&zone->used_pages, used);
	store_relaxed(&zone->dirty_pages, zone->buddy.dirty_pages);
	store_relaxed(&zone->idle_pages, zone_idle_pages_now(zone));
}

void zone_unlock(struct zone *zone)
{
	publish(zone);
	lock_release(&zone->lock, RANK_ZONE);
}

void zone_unlock_quiet(struct zone *zone)
{
	publish(zone);
	lock_release_quiet(&zone->lock);
}

static bool is_in_span(const struct zone *zone, uintptr_t page)
{
	return page >= zone->span_first && page < zone->span_end;
}

void zone_note_touched(struct zone *zone, uintptr_t end)
{
	if (!is_in_span(zone, end - 1))
		return;
	zone->touched_end = size_max(zone->touched_end, end);
	zone->known_end = size_max(zone->known_end, zone->touched_end);
}

static void note_taken(struct zone *zone, uintptr_t end)
{
	if (is_in_span(zone, end - 1))
		zone->run_first = size_max(zone->run_first, end);
}

uintptr_t zone_take(struct zone *zone, size_t npages)
{
	uintptr_t page = buddy_take_hot(&zone->buddy, npages);
	if (page != 0)
		return page; /* it lies before run_first */
	if (!buddy_has_dirty(&zone->buddy, log2_ceil(npages)))
		zone_settle(zone);
	page = buddy_take_run(&zone->buddy, npages);
	if (likely(page != 0))
		note_taken(zone, page + npages);
	return page;
}

void zone_carve(struct zone *zone, uintptr_t page, size_t npages)
{
	buddy_carve(&zone->buddy, page, npages);
	note_taken(zone, page + npages);
}

/* Free blocks may end where the run at the top begins. */
static cold void run_extend(struct zone *zone)
{
	struct buddy_block block;
	while (zone->run_first > zone->span_first && buddy_find_around(&zone->buddy, zone->run_first - 1, &block))
		zone->run_first = size_max(block.page, zone->span_first);
}

static bool is_at_top(const struct zone *zone, uintptr_t page, size_t npages)
{
	return is_in_span(zone, page) && page + npages >= zone->run_first;
}

void zone_put(struct zone *zone, uintptr_t page, size_t npages)
{
	buddy_put_range(&zone->buddy, page, npages);
	if (!is_at_top(zone, page, npages))
		return;
	zone->run_first = size_min(zone->run_first, page);
	run_extend(zone);
	zone->is_hot_at_top |= zone->buddy.hot_runs > 0;
}

void zone_put_run(struct zone *zone, uintptr_t page, size_t npages)
{
	if (buddy_put_hot(&zone->buddy, page, npages))
		zone->is_hot_at_top |= is_at_top(zone, page, npages);
	else
		zone_put(zone, page, npages);
}

void zone_settle(struct zone *zone)
{
	zone->is_hot_at_top = false;
	if (zone->buddy.hot_runs == 0)
		return;
	buddy_settle(&zone->buddy);
	run_extend(zone);
}

void zone_add_range(struct zone *zone, uintptr_t page, size_t npages)
{
	zone->total_pages += npages;
	zone->total_pages_most = size_max(zone->total_pages_most, zone->total_pages);
	store_relaxed(&zone->has_pages, true);
	zone_put(zone, page, npages);
}

static bool is_free_in_any(uintptr_t page)
{
	struct buddy_block block;
	bool is_free = false;
	for (int id = 0; id < ZONE_COUNT && !is_free; id++) {
		lock_acquire(&zones[id].lock, RANK_ZONE);
		zone_settle(&zones[id]);
		is_free = buddy_find_around(&zones[id].buddy, page, &block);
		lock_release(&zones[id].lock, RANK_ZONE);
	}
	return is_free;
}

/* Where in the heap's addresses a page lies: in the span now; below the highest page that was ever in use. A copy. */
struct place {
	bool is_in_span;
	bool was_touched;
};

static struct place place_in_heap(uintptr_t page)
{
	struct zone *heap = &zones[ZONE_HEAP];
	lock_acquire(&heap->lock, RANK_ZONE);
	struct place place = {is_in_span(heap, page), page >= heap->span_first && page < heap->known_end};
	lock_release(&heap->lock, RANK_ZONE);
	return place;
}

bool zone_keeps_page(uintptr_t page) { return place_in_heap(page).is_in_span || is_free_in_any(page); }

bool zone_page_was_used(uintptr_t page)
{
	struct place place = place_in_heap(page);
	return place.was_touched || (!place.is_in_span && is_free_in_any(page));
}

void zone_lock_settled(struct zone *zone)
{
	lock_acquire_unranked(&zone->lock);
	while (zone->detached_pages != 0) {
		lock_release_unranked(&zone->lock);
		syscall3(SYS_sched_yield, 0, 0, 0);
		lock_acquire_unranked(&zone->lock);
	}
}

#ifdef LM_DEBUG
void zone_check(struct zone *zone)
{
	lock_acquire(&zone->lock, RANK_ZONE);
	buddy_check(&zone->buddy);
	if (zone->buddy.free_pages + zone->detached_pages + load_relaxed(&zone->used_pages) != zone->total_pages ||
	    zone->buddy.dirty_pages != load_relaxed(&zone->dirty_pages))
		report_internal("zone: the published counts are wrong");
	run_check(zone);
	zone_unlock(zone);
}
#endif
