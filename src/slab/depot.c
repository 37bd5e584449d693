/*
 * depot.c - full magazines between threads (see cache.h). Exchanged whole: one short lock for a hundred objects.
 *
 * All depots together keep a sixteenth of the heap or 1 MiB; and what a program has shown to need beyond, up to 8 MiB or
 * an eighth: a magazine that found no room and was missed later raises the allowance, one that nobody missed lowers it.
 */
#include "slab/cache.h"

#include "page/zone.h"

enum {
	TOTAL_FLOOR_BYTES = 1 << 20,
	TOTAL_SHIFT = 4,
	LEARNED_FLOOR_BYTES = 8 << 20,
	LEARNED_SHIFT = 3,
	REVIEW_OPERATIONS = 64, /* a working set is looked at over so many exchanges */
};

static _Atomic size_t total_bytes;
static _Atomic size_t learned_bytes; /* two threads that change it at once lose one step: no harm */

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

static size_t heap_bytes(void) { return zone_used_pages() << PAGE_SHIFT; }

static size_t learned(void) { return atomic_load_explicit(&learned_bytes, memory_order_relaxed); }

static void learn(size_t bytes)
{
	size_t most = size_max(heap_bytes() >> LEARNED_SHIFT, LEARNED_FLOOR_BYTES);
	atomic_store_explicit(&learned_bytes, size_min(bytes, most), memory_order_relaxed);
}

/* A magazine was missed: had one been turned away? */
static void learn_from_miss(struct depot *depot, unsigned size_class)
{
	if (depot->turned_away == 0)
		return;
	depot->turned_away--;
	learn(learned() + (size_t)size_classes[size_class].magazine_slots * size_classes[size_class].bytes);
}

struct magazine *depot_pop(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	struct magazine *magazine = pop_locked(size_class);
	if (magazine == NULL)
		learn_from_miss(depot, size_class);
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
	return magazine;
}

static bool has_room(void)
{
	return depot_bytes() < size_max(heap_bytes() >> TOTAL_SHIFT, TOTAL_FLOOR_BYTES) + learned();
}

bool depot_push(unsigned size_class, struct magazine *full)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	bool room = size_classes[size_class].has_depot && has_room();
	if (room) {
		full->next = depot->full;
		depot->full = full;
		count_in(size_class, full);
	} else {
		depot->turned_away++;
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
		if (depot->nfull_min > 0) {
			surplus = pop_locked(size_class);
			learn(learned() - size_min(learned(), bytes_of(size_class, surplus)));
		}
		depot->turned_away = 0;
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
