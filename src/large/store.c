/*
 * store.c - see store.h.
 */
#include "large/store.h"

#include "base/bits.h"
#include "base/report.h"
#include "base/settings.h"
#include "os/clock.h"
#include "slab/thread_cache.h"

enum {
	SLOTS = 64,
	GHOSTS = 16,
	AGE_MAX = 1024, /* requests and frees of large blocks */
	ALLOWANCE_MANY_BYTES = 32 << 20, /* of many threads each may be idle now */
	ALLOWANCE_FEW_BYTES = 64 << 20,
	REST_MIN_BYTES = 64 << 10, /* less is not worth a slot, nor a system call */
	REST_SHIFT = 3,
	JOIN_MIN_BYTES = 2 << 20, /* below, the system calls cost more than they save */
	PART_MIN_BYTES = 128 << 10,
	PARTS_MAX = 16,
	JOIN_BYTES_PER_US = 32 << 10, /* faster than any program touches memory */
	JOIN_BURST_BYTES = 256 << 20,
};

struct ghost {
	uintptr_t base; /* 0: none */
	size_t bytes;
};

struct lock store_lock;

/* A kept mapping. Base and bytes stand here too: they are what is searched for. */
struct slot {
	uintptr_t base;
	size_t bytes;
	size_t stamp; /* clock_now when it came */
	struct large *large;
};

static struct slot kept[SLOTS];
static unsigned nkept;
static struct ghost ghosts[GHOSTS];
static unsigned next_ghost;
static size_t clock_now;
static size_t allowance;
static _Atomic size_t held_bytes; /* these two are read without the lock as hints */
static _Atomic size_t live_blocks;
static struct store_counts counts;

size_t store_held_bytes(void) { return atomic_load_explicit(&held_bytes, memory_order_relaxed); }
size_t store_live_blocks(void) { return atomic_load_explicit(&live_blocks, memory_order_relaxed); }

static void set_held(size_t bytes) { atomic_store_explicit(&held_bytes, bytes, memory_order_relaxed); }

static void count_locked(size_t blocks, size_t more_bytes)
{
	counts.blocks += blocks;
	counts.bytes += more_bytes;
	counts.blocks_most = size_max(counts.blocks_most, counts.blocks);
	counts.bytes_most = size_max(counts.bytes_most, counts.bytes);
	atomic_store_explicit(&live_blocks, counts.blocks, memory_order_relaxed);
}

void store_count(size_t blocks, size_t more_bytes)
{
	lock_acquire(&store_lock, RANK_STORE);
	count_locked(blocks, more_bytes);
	lock_release(&store_lock, RANK_STORE);
}

struct store_counts store_counts(void)
{
	lock_acquire(&store_lock, RANK_STORE);
	struct store_counts now = counts;
	lock_release(&store_lock, RANK_STORE);
	return now;
}

static size_t allowance_most(void)
{
	bool few = thread_cache_count() <= FEW_THREADS;
	return size_max(counts.bytes, few ? ALLOWANCE_FEW_BYTES : ALLOWANCE_MANY_BYTES);
}

static void slot_add(struct large *large, size_t stamp)
{
	kept[nkept++] = (struct slot){large->mapping.base, large->mapping.bytes, stamp, large};
	set_held(store_held_bytes() + large->mapping.bytes);
}

static struct large *slot_take(unsigned slot)
{
	struct large *taken = kept[slot].large;
	set_held(store_held_bytes() - kept[slot].bytes);
	kept[slot] = kept[--nkept];
	return taken;
}

/* Leaves the first `bytes` in a mapping: what lies behind them, or NULL where there is no descriptor for that. */
static struct large *cut(struct large *large, size_t bytes)
{
	struct large *rest = large_descriptor_alloc();
	if (rest == NULL)
		return NULL;
	mapping_cut(&large->mapping, bytes, &rest->mapping);
	return rest;
}

/* What lies before the first multiple of `alignment` stays kept; all of it, and NULL, where there is no descriptor. */
static struct large *slot_take_aligned(unsigned slot, size_t alignment)
{
	size_t stamp = kept[slot].stamp;
	struct large *taken = slot_take(slot);
	size_t front_bytes = round_up(taken->mapping.base, alignment) - taken->mapping.base;
	if (likely(front_bytes == 0))
		return taken;
	struct large *rest = cut(taken, front_bytes);
	slot_add(taken, stamp);
	return rest;
}

/*
 * The first `bytes` of a slot from a multiple of `alignment` on; all of it where what would be left behind is little.
 * One slot is always left for a mapping that is freed.
 */
static struct large *slot_take_part(unsigned slot, size_t bytes, size_t alignment)
{
	size_t stamp = kept[slot].stamp;
	struct large *taken = slot_take_aligned(slot, alignment);
	size_t rest_bytes = taken == NULL ? 0 : taken->mapping.bytes - bytes;
	if (rest_bytes < REST_MIN_BYTES || rest_bytes <= bytes >> REST_SHIFT || nkept == SLOTS - 1)
		return taken;
	struct large *rest = cut(taken, bytes);
	if (rest != NULL)
		slot_add(rest, stamp);
	return taken;
}

/* The bytes of a slot from the first multiple of `alignment` on, if there is a slot for what lies before. */
static size_t slot_usable(unsigned slot, size_t alignment)
{
	size_t front_bytes = round_up(kept[slot].base, alignment) - kept[slot].base;
	if (front_bytes == 0)
		return kept[slot].bytes;
	return kept[slot].bytes > front_bytes && nkept < SLOTS - 1 ? kept[slot].bytes - front_bytes : 0;
}

/* The slot of the shortest mapping that has `bytes` from a multiple of `alignment` on, or SLOTS. */
static unsigned best_fit(size_t bytes, size_t alignment)
{
	unsigned best = SLOTS;
	for (unsigned i = 0; i < nkept; i++)
		if (kept[i].bytes >= bytes && slot_usable(i, alignment) >= bytes &&
		    (best == SLOTS || kept[i].bytes < kept[best].bytes))
			best = i;
	return best;
}

/* The slot of the longest mapping of at most `npieces`, or SLOTS. */
static unsigned longest(size_t npieces)
{
	unsigned found = SLOTS;
	for (unsigned i = 0; i < nkept; i++)
		if (kept[i].large->mapping.npieces <= npieces && (found == SLOTS || kept[i].bytes > kept[found].bytes))
			found = i;
	return found;
}

static unsigned oldest(void)
{
	unsigned found = 0;
	for (unsigned i = 1; i < nkept; i++)
		if (kept[i].stamp < kept[found].stamp)
			found = i;
	return found;
}

/* Parts that serve a request together; what they are long together, at most what is wanted and a bit more. */
struct parts {
	struct large *part[PARTS_MAX];
	const struct mapping *mapping[PARTS_MAX];
	unsigned count;
	size_t bytes;
};

static void collect(struct parts *parts, size_t bytes)
{
	size_t npieces = MAPPING_PIECES - 1; /* one is for what they lack */
	while (parts->bytes < bytes && parts->count < PARTS_MAX) {
		unsigned slot = longest(npieces);
		if (slot == SLOTS || kept[slot].bytes < PART_MIN_BYTES)
			return;
		size_t lack = bytes - parts->bytes;
		struct large *part = kept[slot].bytes > lack ? slot_take_part(slot, lack, 1) : slot_take(slot);
		npieces -= part->mapping.npieces;
		parts->bytes += part->mapping.bytes;
		parts->part[parts->count++] = part;
	}
}

/* So many bytes must be faulted in: would a mapping that was unmapped lately have helped? */
static void learn_from_ghosts(size_t bytes)
{
	for (unsigned i = 0; i < GHOSTS; i++) {
		if (ghosts[i].base != 0 && ghosts[i].bytes >= bytes / 2) {
			allowance = size_min(allowance + ghosts[i].bytes, allowance_most());
			ghosts[i].base = 0;
			return;
		}
	}
}

static void remember(const struct mapping *mapping)
{
	ghosts[next_ghost] = (struct ghost){mapping->base, mapping->bytes};
	next_ghost = (next_ghost + 1) % GHOSTS;
}

/* The oldest mapping, if nobody wanted it for long; the allowance goes with it. */
static struct large *take_stale(void)
{
	clock_now++;
	if (likely(nkept == 0))
		return NULL;
	unsigned slot = oldest();
	if (likely(clock_now - kept[slot].stamp <= AGE_MAX))
		return NULL;
	allowance -= size_min(allowance, kept[slot].bytes);
	return slot_take(slot);
}

static void destroy(struct large *large)
{
	if (large == NULL)
		return;
	mapping_destroy(&large->mapping);
	large_descriptor_free(large);
}

/*
 * Joining spares page faults, and so pays only where blocks are written. One that asks for more bytes than memory can
 * take in the time that has passed does not write them, and gets fresh mappings, which are cheaper.
 */
static bool join_pays(size_t bytes)
{
	static uint64_t last_us;
	static size_t may_join = JOIN_BURST_BYTES;
	size_t charge = size_min(bytes, JOIN_BURST_BYTES);
	uint64_t now_us = os_clock_us();
	uint64_t passed = size_min(now_us - last_us, JOIN_BURST_BYTES / JOIN_BYTES_PER_US);
	last_us = now_us;
	may_join = size_min(may_join + passed * JOIN_BYTES_PER_US, JOIN_BURST_BYTES);
	if (may_join < charge)
		return false;
	may_join -= charge;
	return true;
}

/* No mapping is long enough: takes the parts that may be joined, and learns from what they lack. */
static void take_parts(struct parts *parts, size_t bytes, enum store_parts how)
{
	if (how == STORE_JOINED && nkept > 0 && bytes >= JOIN_MIN_BYTES && !mapping_move_is_refused() &&
	    join_pays(bytes))
		collect(parts, bytes);
	if (parts->bytes < bytes)
		learn_from_ghosts(bytes - parts->bytes);
}

/* Joins the parts into the first one's descriptor, or into none: they are used up. */
static struct large *join(struct parts *parts, size_t bytes)
{
	struct mapping mapping;
	struct large *large = NULL;
	for (unsigned i = 0; i < parts->count; i++)
		parts->mapping[i] = &parts->part[i]->mapping;
	bool joined = mapping_join(&mapping, parts->mapping, parts->count, size_max(bytes, parts->bytes));
	for (unsigned i = joined; i < parts->count; i++)
		large_descriptor_free(parts->part[i]);
	if (joined) {
		large = parts->part[0];
		mapping_copy(&large->mapping, &mapping);
		large->address = 0;
		store_count(1, mapping.bytes);
	}
	return large;
}

/* The rest of store_take, with the lock held, which it releases. */
static noinline struct large *take_joined(size_t bytes, enum store_parts how)
{
	struct parts parts = {.count = 0};
	take_parts(&parts, bytes, how);
	lock_release(&store_lock, RANK_STORE);
	return parts.count > 0 ? join(&parts, bytes) : NULL;
}

struct large *store_take(size_t bytes, size_t alignment, enum store_parts how)
{
	struct large *taken;
	struct large *stale;
	lock_acquire(&store_lock, RANK_STORE);
	unsigned slot = best_fit(bytes, alignment);
	taken = likely(slot != SLOTS) ? slot_take_part(slot, bytes, alignment) : NULL;
	if (likely(taken != NULL)) {
		count_locked(1, taken->mapping.bytes);
		stale = take_stale();
		lock_release(&store_lock, RANK_STORE);
	} else {
		stale = take_stale();
		taken = take_joined(bytes, how);
	}
	destroy(stale);
	return taken;
}

/* Makes one of two kept mappings that lie one behind the other, unless they have too many pieces. */
static void merge(unsigned slot, unsigned behind)
{
	struct large *large = kept[slot].large;
	if (!mapping_append(&large->mapping, &kept[behind].large->mapping))
		return;
	kept[slot].bytes = large->mapping.bytes;
	kept[slot].stamp = clock_now;
	large_descriptor_free(kept[behind].large);
	kept[behind] = kept[--nkept];
}

/* The slot whose mapping begins, or ends, at an address; or SLOTS. */
static unsigned beginning_at(uintptr_t address)
{
	unsigned slot = 0;
	while (slot < nkept && kept[slot].base != address)
		slot++;
	return slot < nkept ? slot : SLOTS;
}

static unsigned ending_at(uintptr_t address)
{
	unsigned slot = 0;
	while (slot < nkept && kept[slot].base + kept[slot].bytes != address)
		slot++;
	return slot < nkept ? slot : SLOTS;
}

/* Keeps a mapping, merged with its neighbours. */
static void keep(struct large *large)
{
	uintptr_t base = large->mapping.base;
	unsigned behind = beginning_at(base + large->mapping.bytes);
	unsigned before = ending_at(base);
	slot_add(large, clock_now);
	if (behind != SLOTS)
		merge(nkept - 1, behind);
	if (before != SLOTS)
		merge(ending_at(base), beginning_at(base));
}

/* The oldest mapping, if more is held than the live blocks now justify, or all slots are full. */
static struct large *take_excess(void)
{
	allowance = size_min(allowance, allowance_most());
	bool is_excess = nkept > 0 && (store_held_bytes() > allowance || nkept == SLOTS);
	return unlikely(is_excess) ? slot_take(oldest()) : NULL;
}

static cold void drop_excess(struct large *excess)
{
	while (excess != NULL) {
		destroy(excess);
		lock_acquire(&store_lock, RANK_STORE);
		excess = take_excess();
		lock_release(&store_lock, RANK_STORE);
	}
}

void store_put(struct large *large)
{
	lock_acquire(&store_lock, RANK_STORE);
	struct large *stale = take_stale();
	count_locked((size_t)-1, 0 - large->mapping.bytes);
	bool has_room = store_held_bytes() + large->mapping.bytes <= size_min(allowance, allowance_most());
	bool is_kept = has_room && !large->is_huge;
	if (is_kept)
		keep(large);
	else if (!large->is_huge)
		remember(&large->mapping);
	struct large *excess = take_excess();
	lock_release(&store_lock, RANK_STORE);
	destroy(stale);
	destroy(is_kept ? NULL : large);
	if (unlikely(excess != NULL))
		drop_excess(excess);
}

bool store_drain(void)
{
	struct large *taken;
	bool any = false;
	do {
		lock_acquire(&store_lock, RANK_STORE);
		taken = nkept > 0 ? slot_take(oldest()) : NULL;
		allowance = 0;
		lock_release(&store_lock, RANK_STORE);
		any |= taken != NULL;
		destroy(taken);
	} while (taken != NULL);
	return any;
}

bool store_keeps(uintptr_t address)
{
	bool found = false;
	lock_acquire(&store_lock, RANK_STORE);
	for (unsigned i = 0; i < nkept; i++)
		found |= address - kept[i].base < kept[i].bytes;
	lock_release(&store_lock, RANK_STORE);
	return found;
}

bool store_unmapped(uintptr_t address)
{
	bool found = false;
	lock_acquire(&store_lock, RANK_STORE);
	for (unsigned i = 0; i < GHOSTS; i++)
		found |= ghosts[i].base != 0 && address - ghosts[i].base < ghosts[i].bytes;
	lock_release(&store_lock, RANK_STORE);
	return found;
}

void store_check(void)
{
	size_t sum = 0;
	lock_acquire(&store_lock, RANK_STORE);
	for (unsigned i = 0; i < nkept; i++) {
		const struct mapping *mapping = &kept[i].large->mapping;
		mapping_check(mapping);
		if (mapping->base != kept[i].base || mapping->bytes != kept[i].bytes)
			report_internal("store: a slot and its mapping differ");
		sum += mapping->bytes;
	}
	if (sum != store_held_bytes() || (sum > allowance && allowance > 0))
		report_internal("store: what is held and the sum differ");
	lock_release(&store_lock, RANK_STORE);
}
