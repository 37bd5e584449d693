/*
 * grow.c - see grow.h.
 *
 * The break moves by what is needed and M_TOP_PAD, and while trim may adapt by a sixteenth of the heap besides: pages
 * that nobody touched cost addresses only. Where that much is refused, exactly what is needed is asked for.
 */
#include "page/grow.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/brk.h"
#include "os/low.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/pagemap.h"
#include "page/trim.h"

enum {
	PAD_SHIFT = 4,
	PAD_MAX_BYTES = 16 << 20,
	EXTENT_BYTES = BUDDY_MAX_PAGES * PAGE_BYTES, /* extents are multiples of this where there is room */
	RAISE_TRIES = 3,
};

static size_t alignment_pages(size_t npages) { return (size_t)1 << size_min(log2_ceil(npages), BUDDY_MAX_ORDER); }

static size_t pad_bytes(const struct zone *zone)
{
	size_t pad = setting(&settings.top_pad);
	if (setting(&settings.adaptive_trim)) {
		size_t span = (zone->span_end - zone->span_first) << PAGE_SHIFT;
		pad = size_max(pad, size_min(span >> PAD_SHIFT, PAD_MAX_BYTES));
	}
	return size_min(pad, SIZE_MAX / 4);
}

/*
 * Where a span begins if the break is at `now`. The page before stays unused: a malloc that the process has in front of
 * ours looks for a header before each block that it is to free, and there must be something to read.
 */
static uintptr_t span_begin(uintptr_t now) { return (round_up(now, os_page_size()) >> PAGE_SHIFT) + 1; }

/* The span goes on at `before` if nobody moved the break meanwhile; else a new one begins there. */
static bool span_extend(struct zone *zone, uintptr_t before, uintptr_t after)
{
	bool goes_on = zone->span_end != 0 && before == zone->span_end << PAGE_SHIFT;
	uintptr_t first = goes_on ? zone->span_end : span_begin(before);
	uintptr_t end = round_down(after, os_page_size()) >> PAGE_SHIFT;
	if (end <= first)
		return true;
	if (!pagemap_ensure(first, end - first)) {
		os_brk_lower(after, after - before);
		return false;
	}
	if (!goes_on) {
		zone->span_first = first;
		zone->run_first = first;
		zone->touched_end = first;
		zone->known_end = first;
	}
	zone->span_end = end;
	zone_add_range(zone, first, end - first);
	return true;
}

/* Raises the break so far that [target, target + npages) lies below it. */
static bool break_raise(struct zone *zone, uintptr_t now, uintptr_t target, size_t npages)
{
	size_t unit = os_page_size();
	uintptr_t end = round_up((target + npages) << PAGE_SHIFT, unit);
	if (end <= now)
		return true;
	size_t pad = pad_bytes(zone);
	/* A large pad ends where a huge page may. */
	uintptr_t padded = round_up(end + pad, pad < HUGE_PAGES << PAGE_SHIFT ? unit : HUGE_PAGES << PAGE_SHIFT);
	uintptr_t after = padded;
	uintptr_t before = padded > now ? os_brk_raise(padded - now) : 0;
	if (before == 0) {
		after = end;
		before = os_brk_raise(end - now);
	}
	return before != 0 && span_extend(zone, before, after + (before - now));
}

static uintptr_t heap_grow(struct zone *zone, size_t npages)
{
	size_t alignment = alignment_pages(npages);
	/* The buddy hands out whole blocks and takes the tail back. */
	npages = size_max(npages, alignment);
	for (int i = 0; i < RAISE_TRIES; i++) {
		uintptr_t now = os_brk_now();
		if (now == 0)
			return 0;
		bool goes_on = zone->span_end != 0 && now == zone->span_end << PAGE_SHIFT;
		uintptr_t first = goes_on ? zone->run_first : span_begin(now);
		uintptr_t target = round_up(first, alignment);
		if (!break_raise(zone, now, target, npages))
			return 0;
		trim_note_grown();
		if (target >= zone->run_first && target + npages <= zone->span_end)
			return target;
	}
	return 0;
}

static uintptr_t extent_add(struct zone *zone, void *extent, size_t bytes)
{
	uintptr_t page = (uintptr_t)extent >> PAGE_SHIFT;
	if (page == 0)
		return 0;
	if (!pagemap_ensure(page, bytes >> PAGE_SHIFT)) {
		os_unmap(extent, bytes);
		return 0;
	}
	/* As with span_begin; what is there already will do. */
	if (unlikely(setting(&settings.is_behind) != 0))
		os_map_at((uintptr_t)extent - os_page_size(), os_page_size());
	zone_add_range(zone, page, bytes >> PAGE_SHIFT);
	return page;
}

static uintptr_t extent_map(struct zone *zone, size_t bytes, size_t alignment_bytes)
{
	return extent_add(zone, os_map_aligned(bytes, alignment_bytes), bytes);
}

static uintptr_t mapped_grow(struct zone *zone, size_t npages)
{
	size_t wanted = size_max(npages << PAGE_SHIFT, (zone->total_pages << PAGE_SHIFT) >> 3);
	uintptr_t page = extent_map(zone, round_up(wanted, EXTENT_BYTES), EXTENT_BYTES);
	if (page == 0)
		page = extent_map(zone, round_up(npages << PAGE_SHIFT, EXTENT_BYTES), EXTENT_BYTES);
	if (page == 0 && npages <= BUDDY_MAX_PAGES) {
		/* Under a tight RLIMIT_AS a small extent may still fit. */
		size_t bytes = round_up(alignment_pages(npages) << PAGE_SHIFT, os_page_size());
		page = extent_map(zone, bytes, bytes);
	}
	return page;
}

/* No more than is needed, to the next EXTENT_BYTES: others need addresses below 4 GiB too, and the break of some. */
static uintptr_t low_grow(struct zone *zone, size_t npages)
{
	size_t alignment = alignment_pages(npages);
	size_t least_bytes = round_up(size_max(npages, alignment) << PAGE_SHIFT, os_page_size());
	size_t bytes = round_up(least_bytes, EXTENT_BYTES);
	void *extent = os_map_low(&bytes, least_bytes, alignment << PAGE_SHIFT);
	return extent_add(zone, extent, bytes);
}

uintptr_t grow_zone(struct zone *zone, size_t npages)
{
	if (npages > SIZE_MAX >> (PAGE_SHIFT + 2))
		return 0;
	if (zone == &zones[ZONE_HEAP])
		return heap_grow(zone, npages);
	return zone == &zones[ZONE_DMA32] ? low_grow(zone, npages) : mapped_grow(zone, npages);
}
