/*
 * depot.c - full magazines between threads (see cache.h). Exchanged whole: one short lock for a hundred objects.
 *
 * For threads that free what others allocate: what a thread allocated itself goes to the slabs, whose bitmaps hand it
 * out again in the order of its addresses, but for a few magazines that fit the CPU's caches. And beyond 64 KiB a
 * magazine is taken in only for a credit: some thread asked, and another has had one to give.
 *
 * Bounded: all depots together keep an eighth of the heap, or 8 MiB.
 */
#include "slab/cache.h"

#include "base/bits.h"
#include "page/zone.h"

enum {
	TOTAL_FLOOR_BYTES = 8 << 20,
	TOTAL_SHIFT = 3,
	CREDITS_MAX = 128,
	OWN_MAX = 8, /* magazines of a thread's own objects in one depot */
	OWN_MAX_BYTES = 64 << 10,
	REVIEW_OPERATIONS = 64, /* a working set is looked at over so many exchanges */
};

static _Atomic size_t total_bytes;

size_t depot_bytes(void) { return atomic_load_explicit(&total_bytes, memory_order_relaxed); }

static size_t bytes_of(unsigned size_class, const struct magazine *magazine)
{
	return magazine->count * size_classes[size_class].bytes;
}

static uint32_t nfull(const struct depot *depot) { return atomic_load_explicit(&depot->nfull, memory_order_relaxed); }

static void set_nfull(struct depot *depot, uint32_t count)
{
	atomic_store_explicit(&depot->nfull, count, memory_order_relaxed);
}

static void count_in(unsigned size_class, const struct magazine *magazine)
{
	struct depot *depot = &caches[size_class].depot;
	set_nfull(depot, nfull(depot) + 1);
	atomic_fetch_add_explicit(&depot->objects, magazine->count, memory_order_relaxed);
	atomic_fetch_add_explicit(&total_bytes, bytes_of(size_class, magazine), memory_order_relaxed);
}

static void count_out(unsigned size_class, const struct magazine *magazine)
{
	struct depot *depot = &caches[size_class].depot;
	set_nfull(depot, nfull(depot) - 1);
	if (nfull(depot) < depot->nfull_min)
		depot->nfull_min = nfull(depot);
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

static uint32_t credits(const struct depot *depot)
{
	return atomic_load_explicit(&depot->credits, memory_order_relaxed);
}

static void set_credits(struct depot *depot, uint32_t count)
{
	atomic_store_explicit(&depot->credits, count, memory_order_relaxed);
}

struct magazine *depot_pop(unsigned size_class, const struct thread_cache *self)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	const struct thread_cache *giver = atomic_load_explicit(&depot->giver, memory_order_relaxed);
	struct magazine *magazine = pop_locked(size_class);
	if (magazine != NULL || (giver != NULL && giver != self))
		set_credits(depot, (uint32_t)size_min(credits(depot) + 1, CREDITS_MAX));
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
	return magazine;
}

static bool has_room(void)
{
	size_t heap_bytes = zone_used_pages() << PAGE_SHIFT;
	return depot_bytes() < size_max(heap_bytes >> TOTAL_SHIFT, TOTAL_FLOOR_BYTES);
}

/* Two threads may both be told yes for one credit: then a magazine too many waits for the next review. */
bool depot_wants(unsigned size_class, const struct thread_cache *self, enum depot_origin origin)
{
	struct depot *depot = &caches[size_class].depot;
	atomic_store_explicit(&depot->giver, self, memory_order_relaxed);
	const struct size_class *class = &size_classes[size_class];
	size_t magazine_bytes = (size_t)class->magazine_slots * class->bytes;
	bool few = nfull(depot) < OWN_MAX && (nfull(depot) + 1) * magazine_bytes <= OWN_MAX_BYTES;
	bool asked_for = credits(depot) > 0 && (origin == DEPOT_OF_OTHERS || nfull(depot) < OWN_MAX);
	return (few || asked_for) && class->objects > 1 && has_room();
}

void depot_push(unsigned size_class, struct magazine *full)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	if (credits(depot) > 0)
		set_credits(depot, credits(depot) - 1);
	full->next = depot->full;
	depot->full = full;
	count_in(size_class, full);
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
}

struct magazine *depot_pop_surplus(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	struct magazine *surplus = NULL;
	lock_acquire(&depot->lock, RANK_DEPOT);
	if (!has_room() && nfull(depot) > 0) {
		surplus = pop_locked(size_class);
	} else if (depot->operations >= REVIEW_OPERATIONS) {
		if (depot->nfull_min > 0)
			surplus = pop_locked(size_class);
		depot->operations = 0;
		depot->nfull_min = nfull(depot);
	}
	lock_release(&depot->lock, RANK_DEPOT);
	return surplus;
}

bool depot_holds(unsigned size_class, const void *object)
{
	struct depot *depot = &caches[size_class].depot;
	bool found = false;
	lock_acquire(&depot->lock, RANK_DEPOT);
	for (const struct magazine *full = depot->full; full != NULL && !found; full = full->next)
		found = magazine_holds(full, full->count, object);
	lock_release(&depot->lock, RANK_DEPOT);
	return found;
}

static struct magazine *pop_for_drain(unsigned size_class)
{
	struct depot *depot = &caches[size_class].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	struct magazine *magazine = pop_locked(size_class);
	lock_release(&depot->lock, RANK_DEPOT);
	return magazine;
}

void depot_drain(unsigned size_class)
{
	struct magazine *magazine;
	while ((magazine = pop_for_drain(size_class)) != NULL) {
		cache_free(size_class, magazine->slot, magazine->count, "free");
		magazine_destroy(magazine, size_class);
	}
}

void depot_drain_all(void)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		depot_drain(c);
}

void depot_drain_objects(void)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		depot_drain(id);
}
