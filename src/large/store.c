/*
 * store.c - see store.h.
 */
#include "large/store.h"

#include "base/bits.h"
#include "base/lock.h"
#include "large/large.h"
#include "os/map.h"

enum {
	SLOTS = 32,
	GHOSTS = 16,
	AGE_MAX = 64, /* requests and frees of large blocks */
	ALLOWANCE_BYTES = 8 << 20,
	ALLOWANCE_SHIFT = 3,
};

struct mapping {
	void *base; /* NULL: the slot is free */
	size_t bytes;
	size_t stamp; /* `clock_now` when it came */
};

struct lock store_lock;

static struct mapping kept[SLOTS];
static struct mapping ghosts[GHOSTS];
static size_t next_ghost;
static size_t clock_now;
static size_t allowance;
static _Atomic size_t held_bytes;

size_t store_held_bytes(void) { return atomic_load_explicit(&held_bytes, memory_order_relaxed); }

static size_t allowance_most(void) { return size_max(large_counts().bytes >> ALLOWANCE_SHIFT, ALLOWANCE_BYTES); }

static bool fits(const struct mapping *mapping, size_t bytes)
{
	return mapping->base != NULL && mapping->bytes >= bytes && mapping->bytes - bytes <= bytes / 4;
}

static struct mapping slot_take(struct mapping *slot)
{
	struct mapping taken = *slot;
	atomic_fetch_sub_explicit(&held_bytes, taken.bytes, memory_order_relaxed);
	slot->base = NULL;
	return taken;
}

/* The slot that fits best, or NULL. */
static struct mapping *best_fit(size_t bytes)
{
	struct mapping *best = NULL;
	for (size_t i = 0; i < SLOTS; i++)
		if (fits(&kept[i], bytes) && (best == NULL || kept[i].bytes < best->bytes))
			best = &kept[i];
	return best;
}

/* The request finds nothing: would a mapping that was unmapped lately have done? */
static void learn_from_ghosts(size_t bytes)
{
	for (size_t i = 0; i < GHOSTS; i++) {
		if (fits(&ghosts[i], bytes)) {
			allowance = size_min(allowance + ghosts[i].bytes, allowance_most());
			ghosts[i].base = NULL;
			return;
		}
	}
}

static void remember(void *base, size_t bytes)
{
	ghosts[next_ghost] = (struct mapping){base, bytes, clock_now};
	next_ghost = (next_ghost + 1) % GHOSTS;
}

/* The oldest kept mapping, or NULL. */
static struct mapping *oldest(void)
{
	struct mapping *found = NULL;
	for (size_t i = 0; i < SLOTS; i++)
		if (kept[i].base != NULL && (found == NULL || kept[i].stamp < found->stamp))
			found = &kept[i];
	return found;
}

/* The oldest mapping, if nobody wanted it for long; the allowance goes with it. */
static struct mapping take_stale(void)
{
	struct mapping *slot = oldest();
	clock_now++;
	if (slot == NULL || clock_now - slot->stamp <= AGE_MAX)
		return (struct mapping){NULL, 0, 0};
	allowance -= size_min(allowance, slot->bytes);
	return slot_take(slot);
}

/* The oldest mapping, if more is held than the live blocks now justify. */
static struct mapping take_excess(void)
{
	struct mapping *slot = oldest();
	allowance = size_min(allowance, allowance_most());
	return slot != NULL && store_held_bytes() > allowance ? slot_take(slot) : (struct mapping){NULL, 0, 0};
}

static void mapping_drop(struct mapping mapping)
{
	/* munmap fails when it would split a mapping at vm.max_map_count: then at least the frames go back. */
	if (mapping.base != NULL && !os_unmap(mapping.base, mapping.bytes))
		os_purge(mapping.base, mapping.bytes);
}

void *store_take(size_t *bytes)
{
	struct mapping taken = {NULL, 0, 0};
	lock_acquire(&store_lock, RANK_STORE);
	struct mapping *slot = best_fit(*bytes);
	if (slot != NULL)
		taken = slot_take(slot);
	else
		learn_from_ghosts(*bytes);
	struct mapping stale = take_stale();
	lock_release(&store_lock, RANK_STORE);
	mapping_drop(stale);
	if (taken.base != NULL)
		*bytes = taken.bytes;
	return taken.base;
}

static struct mapping *free_slot(void)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (kept[i].base == NULL)
			return &kept[i];
	return NULL;
}

/* Keeps a mapping if the allowance covers it with what is held already, and a slot is free. */
static bool keep(void *base, size_t bytes)
{
	struct mapping *slot = free_slot();
	if (slot == NULL || store_held_bytes() + bytes > allowance)
		return false;
	*slot = (struct mapping){base, bytes, clock_now};
	atomic_fetch_add_explicit(&held_bytes, bytes, memory_order_relaxed);
	return true;
}

static void drop_excess(void)
{
	struct mapping excess;
	do {
		lock_acquire(&store_lock, RANK_STORE);
		excess = take_excess();
		lock_release(&store_lock, RANK_STORE);
		mapping_drop(excess);
	} while (excess.base != NULL);
}

void store_put(void *base, size_t bytes)
{
	struct mapping dropped = {base, bytes, 0};
	lock_acquire(&store_lock, RANK_STORE);
	struct mapping stale = take_stale();
	if (keep(base, bytes))
		dropped.base = NULL;
	else
		remember(base, bytes);
	lock_release(&store_lock, RANK_STORE);
	mapping_drop(stale);
	mapping_drop(dropped);
	drop_excess();
}

bool store_drain(void)
{
	bool any = false;
	for (;;) {
		lock_acquire(&store_lock, RANK_STORE);
		struct mapping *slot = oldest();
		struct mapping taken = slot != NULL ? slot_take(slot) : (struct mapping){NULL, 0, 0};
		allowance = 0;
		lock_release(&store_lock, RANK_STORE);
		if (taken.base == NULL)
			return any;
		any = true;
		mapping_drop(taken);
	}
}

bool store_remembers(uintptr_t address)
{
	bool found = false;
	lock_acquire(&store_lock, RANK_STORE);
	for (size_t i = 0; i < SLOTS; i++)
		found |= kept[i].base != NULL && address - (uintptr_t)kept[i].base < kept[i].bytes;
	for (size_t i = 0; i < GHOSTS; i++)
		found |= ghosts[i].base != NULL && address - (uintptr_t)ghosts[i].base < ghosts[i].bytes;
	lock_release(&store_lock, RANK_STORE);
	return found;
}
