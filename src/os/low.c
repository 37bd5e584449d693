/* low.c - looks for gaps between the mappings below 4 GiB. */
#define _GNU_SOURCE
#include "os/low.h"

#include "base/bits.h"
#include "os/areas.h"
#include "os/map.h"

#include <errno.h>

#define LOW_END (UINT64_C(1) << 32)

enum {
	LOW_FIRST = 1 << 20,      /* below, vm.mmap_min_addr forbids it, and pointers near NULL should fault */
	LOW_STEP_BYTES = 4 << 20, /* long mappings begin at multiples; without the list, these 1023 places are tried */
	LOW_TRIES = 16,           /* searches, if another thread was faster each time */
	STACK_ROOM_BYTES = 128 << 20, /* left free below the stack, which grows down; the kernel leaves as much */
};

/* Owner: os_map_low. bytes is 0, or [at, at + bytes) lies in a gap of the list, and least <= bytes <= most. */
struct search {
	size_t most, least, alignment;
	uint64_t at; /* the best place that was found */
	size_t bytes;
};

/* Takes [start, end) if it is better: the longest place is best; of equal ones the highest, which comes last. */
static void search_gap(struct search *search, uint64_t start, uint64_t end)
{
	start = round_up(start, search->alignment);
	end = size_min(end, LOW_END);
	if (end <= start || end - start < search->least)
		return;
	size_t bytes = size_min(round_down(end - start, os_page_size()), search->most);
	if (bytes < search->bytes)
		return;
	search->bytes = bytes;
	search->at = round_down(end - bytes, search->alignment);
	uint64_t at_step = round_down(end - bytes, size_max(search->alignment, LOW_STEP_BYTES));
	if (bytes >= LOW_STEP_BYTES && at_step >= start)
		search->at = at_step;
}

/* Looks at all gaps; false if there is no list, or it ends too early. */
static bool search_list(struct search *search)
{
	struct areas areas;
	struct area area;
	uint64_t free_from = LOW_FIRST;
	if (!areas_open(&areas))
		return false;
	search->bytes = 0;
	while (free_from < LOW_END && areas_next(&areas, &area)) {
		uint64_t room = area.is_stack ? size_min(STACK_ROOM_BYTES, area.start) : 0;
		search_gap(search, free_from, area.start - room);
		free_from = size_max(free_from, area.end);
	}
	areas_close(&areas);
	return free_from >= LOW_END;
}

/* Like os_map_at, of *bytes, or if these are too many for the system, of `least`. */
static int map_some(uintptr_t address, size_t *bytes, size_t least)
{
	int error = os_map_at(address, *bytes);
	if (error != ENOMEM || *bytes == least)
		return error;
	*bytes = least;
	return os_map_at(address, least);
}

/* Without the list: one place in each LOW_STEP_BYTES. */
static void *map_by_steps(size_t *bytes, size_t least, size_t alignment)
{
	size_t step = size_max(alignment, LOW_STEP_BYTES);
	*bytes = size_max(size_min(*bytes, LOW_STEP_BYTES), least);
	for (uint64_t at = round_down(LOW_END - *bytes, step); at >= LOW_FIRST; at -= step) {
		int error = map_some(at, bytes, least);
		if (error != EEXIST)
			return error == 0 ? (void *)at : NULL;
	}
	return NULL;
}

void *os_map_low(size_t *bytes, size_t least_bytes, size_t alignment)
{
	alignment = size_max(alignment, os_page_size());
	if (least_bytes > LOW_END - LOW_FIRST || alignment > LOW_END / 2)
		return NULL;
	struct search search = {.most = *bytes, .least = least_bytes, .alignment = alignment};
	for (int i = 0; i < LOW_TRIES && search_list(&search); i++) {
		if (search.bytes == 0)
			return NULL;
		*bytes = search.bytes;
		int error = map_some(search.at, bytes, least_bytes);
		if (error != EEXIST)
			return error == 0 ? (void *)search.at : NULL;
	}
	return map_by_steps(bytes, least_bytes, alignment);
}
