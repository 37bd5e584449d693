/* page_alloc.c - see page_alloc.h. */
#include "page/page_alloc.h"

#include "page/grow.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/trim.h"

/* After a block of HUGE_PAGES or more was split for the run: the other halves are all there, and clean. */
static cold bool rest_is_clean(struct zone *zone, const struct page_run *run)
{
	struct buddy_block block;
	zone_settle(zone);
	uintptr_t page = run->page + run->npages;
	uintptr_t end = run->page + HUGE_PAGES;
	while (page < end && buddy_find_around(&zone->buddy, page, &block) &&
	       pagemap_count_dirty(block.page, (size_t)1 << block.order) == 0)
		page = block.page + ((uintptr_t)1 << block.order);
	return page >= end;
}

/* The run's dirty pages, for its taker. Pages that were given back to the system before count as refaulted. */
static void run_describe(struct zone *zone, struct page_run *run)
{
	size_t dirty = pagemap_count_dirty(run->page, run->npages);
	run->dirty = ~UINT32_C(0);
	if (dirty == 0)
		run->dirty = 0;
	else if (run->npages <= RUN_MASK_PAGES)
		run->dirty = pagemap_dirty_mask(run->page, run->npages);
	if (run->page < zone->known_end && dirty < run->npages)
		purge_note_bought(run->npages - dirty);
	run->begins_huge = dirty == 0 && run->page % HUGE_PAGES == 0 && rest_is_clean(zone, run);
	zone_note_touched(zone, run->page + run->npages);
}

/* The first page of a run out of the zone, or 0. More than the buddy's largest block is carved out of free blocks. */
static uintptr_t zone_pages_take(struct zone *zone, size_t npages, enum page_how how)
{
	if (npages > BUDDY_MAX_PAGES) {
		zone_settle(zone);
		uintptr_t page = buddy_find_huge(&zone->buddy, npages);
		if (page == 0 && how == PAGES_GROW)
			page = grow_zone(zone, npages);
		if (page != 0)
			zone_carve(zone, page, npages);
		return page;
	}
	uintptr_t page = zone_take(zone, npages);
	if (unlikely(page == 0) && how == PAGES_GROW && grow_zone(zone, npages) != 0)
		page = zone_take(zone, npages);
	return page;
}

static bool zone_alloc(enum zone_id id, enum page_how how, struct page_run *run)
{
	struct zone *zone = &zones[id];
	if (how != PAGES_QUIET)
		lock_acquire(&zone->lock, RANK_ZONE);
	else if (!lock_try_quiet(&zone->lock))
		return false;
	run->zone = id;
	run->page = zone_pages_take(zone, run->npages, how);
	if (run->page != 0)
		run_describe(zone, run);
	if (how == PAGES_QUIET)
		zone_unlock_quiet(zone);
	else
		zone_unlock(zone);
	return run->page != 0;
}

/* Mapped pages, if there are any, are used up before the break moves again. */
bool page_alloc_from(enum zone_id zone, size_t npages, enum page_how how, struct page_run *run)
{
	run->npages = npages;
	if (unlikely(zone == ZONE_DMA32))
		return zone_alloc(ZONE_DMA32, how, run);
	enum page_how first = how == PAGES_GROW ? PAGES_FREE : how;
	if (zone_alloc(ZONE_HEAP, first, run) || (zone_has_pages(ZONE_MAPPED) && zone_alloc(ZONE_MAPPED, first, run)))
		return true;
	return how == PAGES_GROW && (zone_alloc(ZONE_HEAP, how, run) || zone_alloc(ZONE_MAPPED, how, run));
}

void page_free(const struct page_run *run)
{
	struct zone *zone = &zones[run->zone];
	lock_acquire(&zone->lock, RANK_ZONE);
	if (run->npages <= RUN_MASK_PAGES)
		pagemap_set_dirty_mask(run->page, run->npages, run->dirty);
	else
		pagemap_set_dirty(run->page, run->npages, run->dirty == 0 ? PAGES_CLEAN : PAGES_DIRTY);
	zone_put_run(zone, run->page, run->npages);
	bool trim = trim_is_due(zone);
	zone_unlock(zone);
	if (trim)
		trim_top(zone);
}
