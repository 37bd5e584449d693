/*
 * zone.c - pages out of a zone and back into it.
 */
#include "page/zone.h"

#include "base/bits.h"
#include "base/report.h"
#include "base/syscall.h"
#include "page/grow.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/trim.h"

struct zone zones[ZONE_COUNT] = {
	[ZONE_HEAP] = {.buddy = {.tag = ZONE_HEAP << PAGE_ZONE_SHIFT}},
	[ZONE_MAPPED] = {.buddy = {.tag = ZONE_MAPPED << PAGE_ZONE_SHIFT}},
	[ZONE_DMA32] = {.buddy = {.tag = ZONE_DMA32 << PAGE_ZONE_SHIFT}},
};

static size_t sum_of(size_t offset)
{
	size_t sum = 0;
	for (int id = 0; id < ZONE_COUNT; id++)
		sum += atomic_load_explicit((_Atomic size_t *)((char *)&zones[id] + offset), memory_order_relaxed);
	return sum;
}

size_t zone_used_pages(void) { return sum_of(offsetof(struct zone, used_pages)); }
size_t zone_dirty_pages(void) { return sum_of(offsetof(struct zone, dirty_pages)); }

size_t zone_idle_pages(void)
{
	return atomic_load_explicit(&zones[ZONE_HEAP].idle_pages, memory_order_relaxed);
}

size_t zone_inner_free_pages(void)
{
	size_t inner = 0;
	for (int id = 0; id < ZONE_COUNT; id++) {
		struct zone *zone = &zones[id];
		lock_acquire(&zone->lock, RANK_ZONE);
		inner += zone->buddy.free_pages - (zone->span_end - zone->run_first);
		zone_unlock(zone);
	}
	return inner;
}

bool zone_has_pages(enum zone_id id)
{
	return atomic_load_explicit(&zones[id].has_pages, memory_order_relaxed);
}

/* The run at the top is free, and what lies before it is not. */
static void run_check(const struct zone *zone)
{
	struct buddy_block block;
	for (uintptr_t page = zone->run_first; page < zone->span_end; page = block.page + ((uintptr_t)1 << block.order))
		if (!buddy_find_around(&zone->buddy, page, &block))
			report_internal("zone: the run at the top is not all free");
	if (zone->run_first > zone->span_first && buddy_find_ending(&zone->buddy, zone->run_first, &block))
		report_internal("zone: the run at the top begins too late");
	if (zone->touched_end > zone->span_end || zone->known_end < zone->touched_end)
		report_internal("zone: the touched pages end beyond the break");
}

/* Before the lock is released. */
static void publish(struct zone *zone)
{
	if (DEBUG_CHECKS)
		run_check(zone);
	size_t used = zone->total_pages - zone->buddy.free_pages - zone->detached_pages;
	atomic_store_explicit(&zone->used_pages, used, memory_order_relaxed);
	atomic_store_explicit(&zone->dirty_pages, zone->buddy.dirty_pages, memory_order_relaxed);
	size_t untouched = zone->span_end - size_max(zone->touched_end, zone->run_first);
	atomic_store_explicit(&zone->idle_pages, zone->buddy.free_pages - untouched, memory_order_relaxed);
}

void zone_unlock(struct zone *zone)
{
	publish(zone);
	lock_release(&zone->lock, RANK_ZONE);
}

static bool in_span(const struct zone *zone, uintptr_t page)
{
	return page >= zone->span_first && page < zone->span_end;
}

void zone_note_taken(struct zone *zone, uintptr_t page, size_t npages)
{
	if (in_span(zone, page))
		zone->run_first = size_max(zone->run_first, page + npages);
}

void zone_note_put(struct zone *zone, uintptr_t page, size_t npages)
{
	struct buddy_block block;
	if (!in_span(zone, page) || page + npages < zone->run_first)
		return;
	/* The block may have merged with lower ones, and others may end where it begins. */
	zone->run_first = size_min(zone->run_first, page);
	if (buddy_find_around(&zone->buddy, zone->run_first, &block))
		zone->run_first = size_max(block.page, zone->span_first);
	while (zone->run_first > zone->span_first && buddy_find_ending(&zone->buddy, zone->run_first, &block))
		zone->run_first = size_max(block.page, zone->span_first);
}

void zone_add_range(struct zone *zone, uintptr_t page, size_t npages)
{
	zone->total_pages += npages;
	zone->total_pages_most = size_max(zone->total_pages_most, zone->total_pages);
	atomic_store_explicit(&zone->has_pages, true, memory_order_relaxed);
	buddy_put_range(&zone->buddy, page, npages);
	zone_note_put(zone, page, npages);
}

void zone_detach(struct zone *zone, struct buddy_block block)
{
	size_t npages = (size_t)1 << block.order;
	zone->detached_pages += npages;
	zone_note_taken(zone, block.page, npages);
}

void zone_attach_purged(struct zone *zone, struct buddy_block block, bool purged)
{
	size_t npages = (size_t)1 << block.order;
	if (purged)
		pagemap_set_dirty(block.page, npages, false);
	zone->detached_pages -= npages;
	buddy_put(&zone->buddy, block.page, block.order);
	zone_note_put(zone, block.page, npages);
}

/* After a block of HUGE_PAGES or more was split for the run: the other halves are all there, and clean. */
static bool rest_is_clean(const struct zone *zone, const struct page_run *run)
{
	struct buddy_block block;
	uintptr_t page = run->page + run->npages;
	uintptr_t end = run->page + HUGE_PAGES;
	while (page < end && buddy_find_around(&zone->buddy, page, &block) &&
	       pagemap_count_dirty(block.page, (size_t)1 << block.order) == 0)
		page = block.page + ((uintptr_t)1 << block.order);
	return page >= end;
}

/* The run's dirty pages as its taker sees them; pages that had been given back before count as bought back. */
static void run_describe(struct zone *zone, struct page_run *run)
{
	bool was_touched = run->page < zone->known_end;
	size_t dirty = pagemap_count_dirty(run->page, run->npages);
	if (run->npages <= 32)
		run->dirty = dirty == 0 ? 0 : pagemap_dirty_mask(run->page, run->npages);
	else
		run->dirty = dirty == 0 ? 0 : ~UINT32_C(0);
	if (was_touched && dirty < run->npages)
		purge_note_bought(run->npages - dirty);
	run->begins_huge = dirty == 0 && run->page % HUGE_PAGES == 0 && rest_is_clean(zone, run);
	if (in_span(zone, run->page)) {
		zone->touched_end = size_max(zone->touched_end, run->page + run->npages);
		zone->known_end = size_max(zone->known_end, zone->touched_end);
	}
}

static bool take_block(struct zone *zone, struct page_run *run)
{
	unsigned order = log2_ceil(run->npages);
	size_t whole = (size_t)1 << order;
	run->page = buddy_take(&zone->buddy, order);
	if (run->page == 0)
		return false;
	zone_note_taken(zone, run->page, whole);
	if (run->npages < whole) {
		uintptr_t tail = run->page + run->npages;
		buddy_put_range(&zone->buddy, tail, whole - run->npages);
		zone_note_put(zone, tail, whole - run->npages);
	}
	return true;
}

static bool carve(struct zone *zone, const struct page_run *run)
{
	buddy_carve(&zone->buddy, run->page, run->npages);
	zone_note_taken(zone, run->page, run->npages);
	return true;
}

/* More than the buddy's largest block: the pages are cut from free blocks in a row, or from a range grown for them. */
static bool take_huge(struct zone *zone, struct page_run *run)
{
	run->page = buddy_find_huge(&zone->buddy, run->npages);
	if (run->page == 0)
		run->page = grow_zone(zone, run->npages);
	return run->page != 0 && carve(zone, run);
}

static bool take_growing(struct zone *zone, struct page_run *run)
{
	if (run->npages > BUDDY_MAX_PAGES)
		return take_huge(zone, run);
	return take_block(zone, run) || (grow_zone(zone, run->npages) != 0 && take_block(zone, run));
}

static bool zone_alloc(enum zone_id id, struct page_run *run, bool (*take)(struct zone *, struct page_run *))
{
	struct zone *zone = &zones[id];
	run->zone = id;
	lock_acquire(&zone->lock, RANK_ZONE);
	bool taken = take(zone, run);
	if (taken)
		run_describe(zone, run);
	zone_unlock(zone);
	return taken;
}

static bool take_free(struct zone *zone, struct page_run *run)
{
	if (run->npages <= BUDDY_MAX_PAGES)
		return take_block(zone, run);
	run->page = buddy_find_huge(&zone->buddy, run->npages);
	return run->page != 0 && carve(zone, run);
}

static bool zone_alloc_quietly(enum zone_id id, struct page_run *run)
{
	struct zone *zone = &zones[id];
	run->zone = id;
	if (!lock_try_quiet(&zone->lock))
		return false;
	bool taken = take_free(zone, run);
	if (taken)
		run_describe(zone, run);
	publish(zone);
	lock_release_quiet(&zone->lock);
	return taken;
}

bool page_alloc_from(enum zone_id zone, size_t npages, enum page_how how, struct page_run *run)
{
	run->npages = npages;
	if (how == PAGES_QUIET && zone == ZONE_DMA32)
		return zone_alloc_quietly(ZONE_DMA32, run);
	if (how == PAGES_QUIET)
		return zone_alloc_quietly(ZONE_HEAP, run) || zone_alloc_quietly(ZONE_MAPPED, run);
	return zone == ZONE_DMA32 ? zone_alloc(ZONE_DMA32, run, take_growing) : page_alloc(npages, run);
}

/* Mapped pages, if there are any, are used up before the break moves again. */
bool page_alloc(size_t npages, struct page_run *run)
{
	run->npages = npages;
	if (npages <= BUDDY_MAX_PAGES && zone_alloc(ZONE_HEAP, run, take_block))
		return true;
	if (npages <= BUDDY_MAX_PAGES && zone_has_pages(ZONE_MAPPED) && zone_alloc(ZONE_MAPPED, run, take_block))
		return true;
	return zone_alloc(ZONE_HEAP, run, take_growing) || zone_alloc(ZONE_MAPPED, run, take_growing);
}

void page_free(const struct page_run *run)
{
	struct zone *zone = &zones[run->zone];
	lock_acquire(&zone->lock, RANK_ZONE);
	if (run->npages <= 32)
		pagemap_set_dirty_mask(run->page, run->npages, run->dirty);
	else
		pagemap_set_dirty(run->page, run->npages, run->dirty != 0);
	buddy_put_range(&zone->buddy, run->page, run->npages);
	zone_note_put(zone, run->page, run->npages);
	bool trim = trim_is_due(zone);
	zone_unlock(zone);
	if (trim)
		trim_top(zone);
}

static bool is_free(struct zone *zone, uintptr_t page)
{
	struct buddy_block block;
	lock_acquire(&zone->lock, RANK_ZONE);
	bool found = buddy_find_around(&zone->buddy, page, &block);
	zone_unlock(zone);
	return found;
}

static bool is_free_in_any(uintptr_t page)
{
	bool found = false;
	for (int id = 0; id < ZONE_COUNT && !found; id++)
		found = is_free(&zones[id], page);
	return found;
}

/* Where in the heap's addresses a page lies. */
enum part { PART_NONE, PART_TOUCHED, PART_UNTOUCHED, PART_GIVEN_BACK };

static enum part part_of_heap(uintptr_t page)
{
	struct zone *heap = &zones[ZONE_HEAP];
	enum part part = PART_NONE;
	lock_acquire(&heap->lock, RANK_ZONE);
	if (in_span(heap, page))
		part = page < heap->known_end ? PART_TOUCHED : PART_UNTOUCHED;
	else if (page >= heap->span_end && page < heap->known_end)
		part = PART_GIVEN_BACK;
	zone_unlock(heap);
	return part;
}

bool zone_keeps_page(uintptr_t page)
{
	enum part part = part_of_heap(page);
	return part == PART_TOUCHED || part == PART_UNTOUCHED || is_free_in_any(page);
}

bool zone_page_was_used(uintptr_t page)
{
	enum part part = part_of_heap(page);
	return part == PART_NONE ? is_free_in_any(page) : part != PART_UNTOUCHED;
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

void zone_check(struct zone *zone)
{
	lock_acquire(&zone->lock, RANK_ZONE);
	buddy_check(&zone->buddy);
	if (zone->buddy.free_pages + zone->detached_pages > zone->total_pages)
		report_internal("zone: more pages free than there are");
	run_check(zone);
	zone_unlock(zone);
}
