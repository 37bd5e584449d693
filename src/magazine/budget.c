/* budget.c - the bytes that a thread may be charged for, and the clock hand over its bins. */
#include "magazine/budget.h"

#include "os/thread.h"
#include "page/zone.h"

enum {
	BUDGET_MAX_BYTES = 4 << 20, /* of a thread: half of the heap, within these */
	BUDGET_MIN_BYTES = 1 << 20,
	POOL_BYTES = 16 << 20,   /* bounds the sum of all charges; */
	SHARED_BYTES = 8 << 20,  /* above it, bounds a thread by this / threads; */
	SHARE_MIN_BYTES = 16 << 10, /* but a thread may always be charged for so much */
	MANY_THREADS = 16, /* threads; of more not all are busy: twice as many share half as much */
};

/* The sum of all threads' charges. A hint, relaxed. */
static _Atomic size_t pool_charged;

/* What a thread may be charged for when the pool is used up. */
static size_t share_bytes(void)
{
	size_t threads = size_max(thread_count(), 1);
	size_t share = SHARED_BYTES / threads * MANY_THREADS / size_max(threads, MANY_THREADS);
	return size_min(size_max(share, SHARE_MIN_BYTES), BUDGET_MAX_BYTES);
}

static size_t budget_bytes(const struct thread_cache *cache)
{
	size_t pool = load_relaxed(&pool_charged);
	size_t left = pool < POOL_BYTES ? POOL_BYTES - pool : 0;
	size_t half_heap = zone_used_pages() << PAGE_SHIFT >> 1;
	size_t most = size_min(size_max(half_heap, BUDGET_MIN_BYTES), BUDGET_MAX_BYTES);
	return size_max(size_min(cache->charged + left, most), size_min(share_bytes(), most));
}

void budget_charge(const struct bin_ref *ref, size_t limit, unsigned magazines)
{
	struct bin_state *state = ref->state;
	/* The id of an object cache that was destroyed may be another's by now: its size is not looked at. */
	size_t bytes = limit == 0 ? 0 : limit * magazines * bin_charge_of(ref->id);
	ref->cache->charged += bytes - state->charge;
	add_relaxed(&pool_charged, bytes - state->charge);
	state->charge = (uint32_t)bytes;
	state->limit = (uint16_t)limit;
}

void budget_charge_only(const struct thread_cache *cache)
{
	store_relaxed(&pool_charged, cache == NULL ? 0 : cache->charged);
}

/* True if the bin was used since the hand came by: a miss, or hits, which move its top. */
static bool was_used(const struct bin_ref *ref)
{
	ptrdiff_t top = bin_top(ref->bin);
	bool used = ref->state->recent || top != ref->state->seen;
	ref->state->recent = false;
	ref->state->seen = top;
	return used;
}

unsigned budget_step(struct thread_cache *cache, unsigned for_class)
{
	struct bin_ref ref = bin_ref(cache, cache->hand);
	cache->hand = ref.id + 1 < thread_cache_end_of(cache) ? ref.id + 1 : 1;
	return ref.id != for_class && ref.state->charge != 0 && !was_used(&ref) ? ref.id : 0;
}

bool budget_has_room(const struct thread_cache *cache, size_t bytes)
{
	return cache->charged + bytes <= budget_bytes(cache);
}
