/*
 * grow.c - see grow.h.
 *
 * The break moves by what is needed and M_TOP_PAD; while trim may adapt, the pad is at least a sixteenth of the heap:
 * pages that nobody touched cost addresses only. If so much is refused, exactly what is needed is asked for.
 */
#include "page/grow.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/brk.h"
#include "os/low.h"
#include "os/map.h"
#include "page/pagemap.h"
#include "page/trim.h"

enum {
	PAD_SHIFT = 4,            /* the pad is at least 1/2^this of the span: bounds the calls of brk; */
	PAD_MAX_BYTES = 16 << 20, /* but no more than this: bounds the addresses ahead */
	EXTENT_BYTES = BUDDY_MAX_PAGES * PAGE_BYTES, /* extents are multiples of this if there is room */
	EXTENT_SHIFT = 3, /* an extent is at least this part of its zone, if there is memory */
	RAISE_TRIES = 3, /* calls of brk, if another thread moved the break each time */
};

static size_t alignment_pages(size_t npages) { return (size_t)1 << size_min(log2_ceil(npages), BUDDY_MAX_ORDER); }

static size_t pad_bytes(const struct zone *zone)
{
	size_t pad = load_relaxed(&settings.top_pad);
	if (load_relaxed(&settings.adaptive_trim)) {
		size_t span = (zone->span_end - zone->span_first) << PAGE_SHIFT;
		pad = size_max(pad, size_min(span >> PAD_SHIFT, PAD_MAX_BYTES));
	}
	return size_min(pad, SIZE_MAX / 4);
}

/*
 * Where a span begins if the break is at `now`. The page before stays unused: a malloc in front of ours looks for a
 * header before each block that it frees, and there must be something to read.
 *
 *      heap    break -> | rest of its page | unused page | span ... |
 *      extent           | unmapped: alignment - a page | unused page | extent, aligned ... |        (map_with_front)
 */
static uintptr_t span_begin(uintptr_t now) { return (round_up(now, os_page_size()) >> PAGE_SHIFT) + 1; }

/* True if the break is still at the end of the span: nobody else has moved it. */
static bool span_goes_on(const struct zone *zone, uintptr_t now)
{
	return zone->span_end != 0 && now == zone->span_end << PAGE_SHIFT;
}

/* The break was raised: the span goes on, or a new one begins. */
static bool span_extend(struct zone *zone, uintptr_t before, uintptr_t after)
{
	bool goes_on = span_goes_on(zone, before);
	uintptr_t first = goes_on ? zone->span_end : span_begin(before);
	uintptr_t end = round_down(after, os_page_size()) >> PAGE_SHIFT;
	if (end <= first)
		return true;
	if (!pagemap_ensure(first, end - first)) {
		os_brk_lower(after, after - before);
		return false;
	}
	if (!goes_on)
		zone->span_first = zone->run_first = zone->touched_end = zone->known_end = first;
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
		uintptr_t first = span_goes_on(zone, now) ? zone->run_first : span_begin(now);
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
	zone_add_range(zone, page, bytes >> PAGE_SHIFT);
	return page;
}

/* As with span_begin: behind another malloc a page of ours lies before the extent, and stays. */
static char *map_with_front(size_t bytes, size_t alignment)
{
	size_t page = os_page_size();
	char *whole = bytes + alignment < bytes ? NULL : os_map_aligned(bytes + alignment, alignment);
	if (whole != NULL && alignment > page)
		os_unmap(whole, alignment - page);
	return whole == NULL ? NULL : whole + alignment;
}

static uintptr_t extent_map(struct zone *zone, size_t npages, size_t unit_bytes)
{
	size_t bytes = round_up(npages << PAGE_SHIFT, unit_bytes);
	bool is_behind = load_relaxed(&settings.is_behind) != 0;
	void *extent = is_behind ? map_with_front(bytes, unit_bytes) : os_map_aligned(bytes, unit_bytes);
	return extent_add(zone, extent, bytes);
}

static uintptr_t mapped_grow(struct zone *zone, size_t npages)
{
	uintptr_t page = extent_map(zone, size_max(npages, zone->total_pages >> EXTENT_SHIFT), EXTENT_BYTES);
	if (page == 0)
		page = extent_map(zone, npages, EXTENT_BYTES);
	/* Under a tight RLIMIT_AS a small extent may still fit. */
	if (page == 0 && npages <= BUDDY_MAX_PAGES)
		page = extent_map(zone, npages, size_max(alignment_pages(npages) << PAGE_SHIFT, os_page_size()));
	return page;
}

/* Only what is needed, to the next EXTENT_BYTES: others need addresses below 4 GiB too, and so does a low break. */
static uintptr_t low_grow(struct zone *zone, size_t npages)
{
	size_t alignment = alignment_pages(npages);
	size_t least_bytes = round_up(size_max(npages, alignment) << PAGE_SHIFT, os_page_size());
	size_t bytes = round_up(least_bytes, EXTENT_BYTES);
	void *extent = os_map_low(&bytes, least_bytes, alignment << PAGE_SHIFT);
	/* A mapping that is there already will do. */
	if (extent != NULL && load_relaxed(&settings.is_behind) != 0)
		os_map_at((uintptr_t)extent - os_page_size(), os_page_size());
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
