/*
 * bin_budget.c - see bin_budget.h.
 */
#include "slab/bin_budget.h"

#include "page/pagemap.h"
#include "page/zone.h"
#include "slab/bin.h"

enum {
	BUDGET_MAX_BYTES = 4 << 20, /* of a thread: half of the heap within these, */
	BUDGET_MIN_BYTES = 1 << 20,
	/* while all threads together are charged for at most this: */
	POOL_BYTES = 16 << 20,
	SHARED_BYTES = 8 << 20, /* beyond that each has its part of this, */
	SHARE_MIN_BYTES = 16 << 10,
	MANY_THREADS = 16, /* and of more threads not all are busy: twice as many share half as much */
	HAND_STEPS = 16,   /* of the clock hand at one miss */
};

/* The sum of all threads' charges. A hint, relaxed. */
static _Atomic size_t pool_charged;

/* What a thread may be charged for when the pool is used up. */
static size_t share_bytes(void)
{
	size_t threads = size_max(thread_cache_count(), 1);
	size_t share = SHARED_BYTES / threads * MANY_THREADS / size_max(threads, MANY_THREADS);
	return size_min(size_max(share, SHARE_MIN_BYTES), BUDGET_MAX_BYTES);
}

static size_t budget_bytes(const struct thread_cache *cache)
{
	size_t pool = atomic_load_explicit(&pool_charged, memory_order_relaxed);
	size_t left = pool < POOL_BYTES ? POOL_BYTES - pool : 0;
	size_t half_heap = zone_used_pages() << PAGE_SHIFT >> 1;
	size_t most = size_min(size_max(half_heap, BUDGET_MIN_BYTES), BUDGET_MAX_BYTES);
	return size_max(size_min(cache->charged + left, most), size_min(share_bytes(), most));
}

void budget_charge(struct thread_cache *cache, unsigned c, size_t limit, unsigned magazines)
{
	struct side *side = side_at(cache, c);
	/* The id of an object cache that was destroyed may be another's by now: its size is not looked at. */
	size_t bytes = limit == 0 ? 0 : limit * magazines * budget_charge_of(c);
	cache->charged += bytes - side->charge;
	atomic_fetch_add_explicit(&pool_charged, bytes - side->charge, memory_order_relaxed);
	side->charge = (uint32_t)bytes;
	side->limit = (uint16_t)limit;
}

void bin_charge_only(const struct thread_cache *cache)
{
	atomic_store_explicit(&pool_charged, cache == NULL ? 0 : cache->charged, memory_order_relaxed);
}

/* True if the bin was used since the hand came by: a miss, or hits, which move its top. */
static bool was_used(const struct bin *bin, struct side *side)
{
	void **top = atomic_load_explicit(&bin->top, memory_order_relaxed);
	bool used = side->recent || top != side->seen;
	side->recent = false;
	side->seen = top;
	return used;
}

/* In a miss of an object cache the lock of the object bins is held already. */
static void close_for(struct thread_cache *cache, unsigned c, unsigned for_class)
{
	if (c < CLASS_COUNT || for_class >= CLASS_COUNT) {
		bin_close(cache, c);
		return;
	}
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bin_close(cache, c);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
}

/* One step of the clock hand: a bin that was not used since the last round gives up its room. */
static void hand_step(struct thread_cache *cache, unsigned for_class)
{
	unsigned c = cache->hand;
	cache->hand = c + 1 < thread_cache_end_of(cache) ? c + 1 : 1;
	struct side *side = side_at(cache, c);
	if (c != for_class && side->charge != 0 && !was_used(bin_at(cache, c), side))
		close_for(cache, c, for_class);
}

bool budget_make_room(struct thread_cache *cache, size_t bytes, unsigned for_class)
{
	size_t budget = budget_bytes(cache);
	if (bytes > budget)
		return false;
	for (unsigned i = 0; i < HAND_STEPS && cache->charged + bytes > budget; i++)
		hand_step(cache, for_class);
	return cache->charged + bytes <= budget;
}
