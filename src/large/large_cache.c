/* large_cache.c - see large_cache.h. */
#include "large/large_cache.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/clock.h"
#include "os/report.h"
#include "os/thread.h"

enum {
	SLOTS = 64,     /* kept mappings, which each request searches */
	GHOSTS = 16,    /* unmapped ones that are remembered */
	AGE_MAX = 1024, /* requests and frees of large blocks after which a mapping that nobody took is unmapped */
	ALLOWANCE_MANY_BYTES = 32 << 20, /* of many threads each may be idle now */
	ALLOWANCE_FEW_BYTES = 64 << 20,
	REST_MIN_BYTES = 64 << 10, /* less is not worth a slot, nor a system call */
	REST_SHIFT = 3, /* a rest of at most 1/2^this of the request is not cut off */
	JOIN_MIN_BYTES = 2 << 20, /* below, the system calls cost more than they save */
	PART_MIN_BYTES = 128 << 10, /* shorter mappings are not joined */
	PARTS_MAX = 16,             /* mappings that serve a request together: each costs a system call */
	JOIN_BYTES_PER_US = 32 << 10, /* bytes: no program writes 32 KiB in a microsecond */
	JOIN_BURST_BYTES = 256 << 20, /* that may be joined at once after a pause */
};

/* A mapping that was unmapped lately (Megiddo and Modha 2003, "ARC"). large_cache_lock guards all of these. */
struct ghost {
	uintptr_t base; /* 0: none */
	size_t bytes;
};

struct lock large_cache_lock;

/* A kept mapping. Base and bytes are those of large->mapping, and stand here too, where they are searched. */
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
static struct large_cache_counts counts;
static _Atomic size_t held_bytes; /* these two are read without the lock as hints */
static _Atomic size_t live_blocks;

size_t large_cache_held_bytes(void) { return load_relaxed(&held_bytes); }
size_t large_cache_live_blocks(void) { return load_relaxed(&live_blocks); }

static void set_held(size_t bytes) { store_relaxed(&held_bytes, bytes); }

static void count_locked(size_t blocks, size_t more_bytes)
{
	counts.blocks += blocks;
	counts.bytes += more_bytes;
	counts.blocks_most = size_max(counts.blocks_most, counts.blocks);
	counts.bytes_most = size_max(counts.bytes_most, counts.bytes);
	store_relaxed(&live_blocks, counts.blocks);
}

void large_cache_count(size_t blocks, size_t more_bytes)
{
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	count_locked(blocks, more_bytes);
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
}

struct large_cache_counts large_cache_counts(void)
{
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	struct large_cache_counts now = counts;
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	return now;
}

static size_t allowance_most(void)
{
	bool few = thread_count() <= FEW_THREADS;
	return size_max(counts.bytes, few ? ALLOWANCE_FEW_BYTES : ALLOWANCE_MANY_BYTES);
}

static void slot_add(struct large *large, size_t stamp)
{
	kept[nkept++] = (struct slot){large->mapping.base, large->mapping.bytes, stamp, large};
	set_held(large_cache_held_bytes() + large->mapping.bytes);
}

static struct large *slot_take(unsigned slot)
{
	struct large *taken = kept[slot].large;
	set_held(large_cache_held_bytes() - kept[slot].bytes);
	kept[slot] = kept[--nkept];
	return taken;
}

/* Leaves the first `bytes` in a mapping: what lies behind them, or NULL if there is no memory for a descriptor. */
static struct large *large_cut(struct large *large, size_t bytes)
{
	struct large *rest = large_descriptor_alloc();
	if (rest == NULL)
		return NULL;
	mapping_cut(&large->mapping, bytes, &rest->mapping);
	return rest;
}

/* What lies before the first multiple of `alignment` stays kept; all of it, and NULL, if there is no descriptor. */
static struct large *slot_take_aligned(unsigned slot, size_t alignment)
{
	size_t stamp = kept[slot].stamp;
	struct large *taken = slot_take(slot);
	size_t front_bytes = round_up(taken->mapping.base, alignment) - taken->mapping.base;
	if (likely(front_bytes == 0))
		return taken;
	struct large *rest = large_cut(taken, front_bytes);
	slot_add(taken, stamp);
	return rest;
}

/*
 * The first `bytes` of a slot from a multiple of `alignment` on; all of it if little would be left behind. One slot is
 * always left for a mapping that is freed.
 */
static cold struct large *slot_take_part(unsigned slot, size_t bytes, size_t alignment)
{
	size_t stamp = kept[slot].stamp;
	struct large *taken = slot_take_aligned(slot, alignment);
	size_t rest_bytes = taken == NULL ? 0 : taken->mapping.bytes - bytes;
	if (rest_bytes < REST_MIN_BYTES || rest_bytes <= bytes >> REST_SHIFT || nkept == SLOTS - 1)
		return taken;
	struct large *rest = large_cut(taken, bytes);
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
static unsigned longest_slot(size_t npieces)
{
	unsigned best = SLOTS;
	for (unsigned i = 0; i < nkept; i++)
		if (kept[i].large->mapping.npieces <= npieces && (best == SLOTS || kept[i].bytes > kept[best].bytes))
			best = i;
	return best;
}

static unsigned oldest_slot(void)
{
	unsigned oldest = 0;
	for (unsigned i = 1; i < nkept; i++)
		if (kept[i].stamp < kept[oldest].stamp)
			oldest = i;
	return oldest;
}

/* Parts that serve a request together, of at most MAPPING_PIECES - 1 pieces; bytes is their sum. Owner: a thread. */
struct parts {
	struct large *part[PARTS_MAX];
	const struct mapping *mapping[PARTS_MAX];
	unsigned count;
	size_t bytes;
};

static void parts_collect(struct parts *parts, size_t bytes)
{
	size_t npieces = MAPPING_PIECES - 1; /* one is for the bytes that they lack */
	while (parts->bytes < bytes && parts->count < PARTS_MAX) {
		unsigned slot = longest_slot(npieces);
		if (slot == SLOTS || kept[slot].bytes < PART_MIN_BYTES)
			return;
		size_t lack = bytes - parts->bytes;
		struct large *part = kept[slot].bytes > lack ? slot_take_part(slot, lack, 1) : slot_take(slot);
		npieces -= part->mapping.npieces;
		parts->bytes += part->mapping.bytes;
		parts->part[parts->count++] = part;
	}
}

/* `bytes` are what the cache could not serve. The allowance grows if a mapping that was unmapped lately would have. */
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

static void ghost_add(const struct mapping *mapping)
{
	ghosts[next_ghost] = (struct ghost){mapping->base, mapping->bytes};
	next_ghost = (next_ghost + 1) % GHOSTS;
}

/* The oldest mapping, if nobody took it for long; the allowance shrinks by it. */
static cold struct large *take_stale(void)
{
	clock_now++;
	if (likely(nkept == 0))
		return NULL;
	unsigned slot = oldest_slot();
	if (likely(clock_now - kept[slot].stamp <= AGE_MAX))
		return NULL;
	allowance -= size_min(allowance, kept[slot].bytes);
	return slot_take(slot);
}

static cold void large_destroy(struct large *large)
{
	mapping_destroy(&large->mapping);
	large_descriptor_free(large);
}

/*
 * Joining spares page faults, and so pays only for blocks that are written. A program that asks for more bytes than it
 * could have written since the last request does not write them, and gets fresh mappings, which are cheaper.
 */
static bool join_pays(size_t bytes)
{
	static uint64_t last_us; /* large_cache_lock guards both: the caller holds it */
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

/* Joins the parts into the first one's descriptor, or into none: they are used up. */
static cold struct large *parts_join(struct parts *parts, size_t bytes)
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
		large->mapping = mapping;
		large->address = 0;
		large_cache_count(1, mapping.bytes);
	}
	return large;
}

/* No mapping is long enough: takes the parts that may be joined. The lock is held; it is released here. */
static cold struct large *take_joined(size_t bytes, enum large_cache_parts how)
{
	struct parts parts = {.count = 0};
	if (how == LARGE_CACHE_JOINED && nkept > 0 && bytes >= JOIN_MIN_BYTES && !mapping_move_is_refused() &&
	    join_pays(bytes))
		parts_collect(&parts, bytes);
	if (parts.bytes < bytes)
		learn_from_ghosts(bytes - parts.bytes);
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	return parts.count > 0 ? parts_join(&parts, bytes) : NULL;
}

struct large *large_cache_take(size_t bytes, size_t alignment, enum large_cache_parts how)
{
	struct large *taken;
	struct large *stale;
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	unsigned slot = best_fit(bytes, alignment);
	taken = likely(slot != SLOTS) ? slot_take_part(slot, bytes, alignment) : NULL;
	if (likely(taken != NULL)) {
		count_locked(1, taken->mapping.bytes);
		stale = take_stale();
		lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	} else {
		stale = take_stale();
		taken = take_joined(bytes, how);
	}
	if (unlikely(stale != NULL))
		large_destroy(stale);
	return taken;
}

/* Makes two kept mappings one, of which the second lies behind the first, unless they have too many pieces. */
static cold void slots_merge(unsigned slot, unsigned behind)
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
enum edge { EDGE_BEGIN, EDGE_END };
static unsigned slot_at(uintptr_t address, enum edge edge)
{
	for (unsigned slot = 0; slot < nkept; slot++)
		if (kept[slot].base + (edge == EDGE_END ? kept[slot].bytes : 0) == address)
			return slot;
	return SLOTS;
}

/* Keeps a mapping, merged with its neighbours. */
static void slot_add_merged(struct large *large)
{
	uintptr_t base = large->mapping.base;
	unsigned behind = slot_at(base + large->mapping.bytes, EDGE_BEGIN);
	unsigned before = slot_at(base, EDGE_END);
	slot_add(large, clock_now);
	if (behind != SLOTS)
		slots_merge(nkept - 1, behind);
	if (before != SLOTS)
		slots_merge(slot_at(base, EDGE_END), slot_at(base, EDGE_BEGIN));
}

/* The oldest mapping, if more is held than the live blocks now justify, or all slots are full. */
static cold struct large *take_excess(void)
{
	allowance = size_min(allowance, allowance_most());
	bool is_excess = nkept > 0 && (large_cache_held_bytes() > allowance || nkept == SLOTS);
	return unlikely(is_excess) ? slot_take(oldest_slot()) : NULL;
}

static cold void drop_excess(struct large *excess)
{
	while (excess != NULL) {
		large_destroy(excess);
		lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
		excess = take_excess();
		lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	}
}

void large_cache_put(struct large *large)
{
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	struct large *stale = take_stale();
	count_locked((size_t)-1, 0 - large->mapping.bytes);
	bool has_room = large_cache_held_bytes() + large->mapping.bytes <= size_min(allowance, allowance_most());
	bool is_kept = has_room && !large->is_huge;
	if (is_kept)
		slot_add_merged(large);
	else if (!large->is_huge)
		ghost_add(&large->mapping);
	struct large *excess = take_excess();
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	if (unlikely(stale != NULL))
		large_destroy(stale);
	if (!is_kept)
		large_destroy(large);
	if (unlikely(excess != NULL))
		drop_excess(excess);
}

bool large_cache_drain(void)
{
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	allowance = 0;
	struct large *excess = take_excess();
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	bool any = excess != NULL;
	drop_excess(excess);
	return any;
}

bool large_cache_keeps(uintptr_t address)
{
	bool keeps = false;
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	for (unsigned i = 0; i < nkept; i++)
		keeps |= address - kept[i].base < kept[i].bytes;
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	return keeps;
}

bool large_cache_unmapped(uintptr_t address)
{
	bool unmapped = false;
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	for (unsigned i = 0; i < GHOSTS; i++)
		unmapped |= ghosts[i].base != 0 && address - ghosts[i].base < ghosts[i].bytes;
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
	return unmapped;
}

#ifdef LM_DEBUG
void large_cache_check(void)
{
	size_t sum = 0;
	lock_acquire(&large_cache_lock, RANK_LARGE_CACHE);
	for (unsigned i = 0; i < nkept; i++) {
		const struct large *large = kept[i].large;
		const struct mapping *mapping = &large->mapping;
		mapping_check(mapping);
		if (large->guard != LARGE_OPEN || large->growths != 0 || large->is_huge)
			report_internal("large cache: a kept block is guarded, grown or huge");
		if (mapping->base != kept[i].base || mapping->bytes != kept[i].bytes)
			report_internal("large cache: a slot and its mapping differ");
		sum += mapping->bytes;
	}
	if (nkept >= SLOTS)
		report_internal("large cache: no slot is left for a mapping that is freed");
	/* With allowance 0 a thread may be in large_cache_drain, which unmaps without the lock. */
	if (sum != large_cache_held_bytes() || (sum > allowance && allowance > 0))
		report_internal("large cache: what is held and the sum differ");
	lock_release(&large_cache_lock, RANK_LARGE_CACHE);
}
#endif
