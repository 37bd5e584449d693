/*
 * depot.c - full magazines between threads (see cache.h). Exchanged whole: one short lock for a hundred objects.
 *
 * Bounded twice: a class keeps depot_max magazines, and all depots together keep a sixteenth of the heap or 1 MiB.
 */
#include "slab/cache.h"

#include "page/zone.h"

enum {
	TOTAL_FLOOR_BYTES = 1 << 20,
	TOTAL_SHIFT = 4,
	REVIEW_OPERATIONS = 64, /* a working set is looked at over so many exchanges */
};

static _Atomic size_t total_bytes;

size_t depot_bytes(void) { return atomic_load_explicit(&total_bytes, memory_order_relaxed); }

static size_t bytes_of(unsigned size_class, const struct magazine *magazine)
{
	return magazine->count * size_classes[size_class].bytes;
}

static void count_in(unsigned size_class, const struct magazine *magazine)
{
	struct depot *depot = &caches[size_class].depot;
	depot->nfull++;
	atomic_fetch_add_explicit(&depot->objects, magazine->count, memory_order_relaxed);
	atomic_fetch_add_explicit(&total_bytes, bytes_of(size_class, magazine), memory_order_relaxed);
}

static void count_out(unsigned size_class, const struct magazine *magazine)
{
	struct depot *depot = &caches[size_class].depot;
	depot->nfull--;
	if (depot->nfull < depot->nfull_min)
		depot->nfull_min = depot->nfull;
	atomic_fetch_sub_explicit(&depot->objects, magazine->count, memory_order_relaxed);
	atomic_fetch_sub_explicit(&total_bytes, bytes_of(size_class, magazine), memory_order_relaxed);
}

static struct magazine *pop_locked(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	struct magazine *magazine = depot->full;
	if (magazine != NULL) {
		depot->full = magazine->next;
		count_out(size_class, magazine);
	}
	return magazine;
}

struct magazine *depot_pop(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	struct magazine *magazine = pop_locked(size_class);
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
	return magazine;
}

static bool has_room(const struct depot *depot, unsigned size_class)
{
	size_t heap_bytes = zone_used_pages() << PAGE_SHIFT;
	return depot->nfull < size_classes[size_class].depot_max &&
	       depot_bytes() < size_max(heap_bytes >> TOTAL_SHIFT, TOTAL_FLOOR_BYTES);
}

bool depot_push(unsigned size_class, struct magazine *full)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	bool room = has_room(depot, size_class);
	if (room) {
		full->next = depot->full;
		depot->full = full;
		count_in(size_class, full);
	}
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
	return room;
}

struct magazine *depot_pop_surplus(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	struct magazine *surplus = NULL;
	lock_acquire(&depot->lock, RANK_DEPOT);
	if (depot->operations >= REVIEW_OPERATIONS) {
		if (depot->nfull_min > 0)
			surplus = pop_locked(size_class);
		depot->operations = 0;
		depot->nfull_min = depot->nfull;
	}
	lock_release(&depot->lock, RANK_DEPOT);
	return surplus;
}

void depot_drain(unsigned size_class)
{
	struct magazine *magazine;
	while ((magazine = depot_pop(size_class)) != NULL) {
		cache_free(size_class, magazine->slot, magazine->count, "free");
		magazine_destroy(magazine, size_class);
	}
}

void depot_drain_all(void)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		depot_drain(c);
}
