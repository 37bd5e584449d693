/*
 * miss.c - what a bin does when its loaded magazine is empty (malloc) or full (free).
 *
 * A bin begins with a small limit and doubles it at each visit to the slabs. What all limits of a thread allow is
 * charged against its budget of bytes (budget.h).
 */
#include "magazine/miss.h"

#include "base/bits.h"
#include "magazine/budget.h"
#include "magazine/depot.h"
#include "os/report.h"
#include "os/thread.h"
#include "page/trim.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"

enum {
	SHARING_MAX_BYTES = 256, /* objects above it hardly share cache lines */
	SHY_FREES = 4, /* first frees of a class that go to the slabs. 0: writes to shared lines take 4 times as long */
	HAND_STEPS = 16, /* bins that the clock hand passes at one miss */
};

/* Makes `magazine`, whose count is right, the loaded one; NULL: closes the bin. */
static inline void load(const struct bin_ref *ref, struct magazine *magazine, size_t limit)
{
	store_relaxed(&ref->state->loaded, magazine);
	ref->bin->limit = magazine == NULL ? 0 : bin_distance(ref->bin, magazine, limit);
	bin_set_top(ref->bin, magazine == NULL ? 0 : bin_distance(ref->bin, magazine, magazine->count));
}

/* A magazine from the depot may hold more than this thread's limit allows, until it is unloaded. */
static inline void load_filled(const struct bin_ref *ref, struct magazine *magazine)
{
	load(ref, magazine, size_max(ref->state->limit, magazine->count));
}

/* The loaded magazine, its count brought up to date. */
static inline struct magazine *unload(const struct bin_ref *ref)
{
	struct magazine *loaded = bin_loaded(ref->state);
	loaded->count = bin_loaded_objects(ref->bin, ref->state);
	return loaded;
}

/* Makes `magazine` (or none) the other one. To be called after each change of its count too. */
static inline void set_previous(struct bin_state *state, struct magazine *magazine)
{
	state->previous = magazine;
	uint32_t objects = magazine == NULL ? 0 : (uint32_t)magazine->count;
	store_relaxed(&state->previous_objects, objects);
}

static inline void swap_magazines(const struct bin_ref *ref)
{
	struct magazine *loaded = unload(ref);
	load_filled(ref, ref->state->previous);
	set_previous(ref->state, loaded);
}

static inline void give_to_slabs(const struct bin_ref *ref, void **objects, size_t count, const char *function)
{
	ref->state->balance -= (ptrdiff_t)count;
	reclaim_free(ref->id, objects, count, function);
}

/* The function that objects in a bin were freed by, as far as that is known when they leave it. */
static const char *freed_by(unsigned id) { return id < CLASS_COUNT ? "free" : "lm_cache_free"; }

static cold void discard(const struct bin_ref *ref, struct magazine *magazine)
{
	if (magazine == NULL)
		return;
	ref->state->balance -= (ptrdiff_t)magazine->count;
	depot_discard(ref->id, magazine, freed_by(ref->id));
}

void bin_strip(struct thread_cache *cache, unsigned id)
{
	struct bin_ref ref = bin_ref(cache, id);
	struct magazine *previous = ref.state->previous;
	if (bin_loaded(ref.state) == NULL)
		return;
	if (DEBUG_CHECKS && id >= CLASS_COUNT && !lock_is_held(&cache->objects_lock))
		report_internal("bin: closed without its lock");
	struct magazine *loaded = unload(&ref);
	load(&ref, NULL, 0);
	set_previous(ref.state, NULL);
	discard(&ref, loaded);
	discard(&ref, previous);
}

void bin_close(struct thread_cache *cache, unsigned id)
{
	struct bin_ref ref = bin_ref(cache, id);
	if (ref.state->charge != 0)
		budget_charge(&ref, 0, 0);
	bin_strip(cache, id);
}

/* In a miss of an object cache the lock of the object bins is held already. */
static cold void close_for(struct thread_cache *cache, unsigned id, unsigned for_class)
{
	bool needs_lock = id >= CLASS_COUNT && for_class < CLASS_COUNT;
	if (needs_lock)
		lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bin_close(cache, id);
	if (needs_lock)
		lock_release(&cache->objects_lock, RANK_OBJECTS);
}

void bins_close(struct thread_cache *cache, unsigned for_class)
{
	for (unsigned id = 1; id < thread_cache_end_of(cache); id++)
		close_for(cache, id, for_class);
}

/*
 * Makes room in the budget for `objects` more of the class in each of `magazines`. If all bins are in use it soon gives
 * up, and this bin does without.
 */
static bool make_room(const struct bin_ref *ref, size_t objects, unsigned magazines)
{
	size_t bytes = objects * magazines * bin_charge_of(ref->id);
	bool has_room = budget_has_room(ref->cache, bytes);
	for (unsigned i = 0; i < HAND_STEPS && !has_room; i++) {
		unsigned unused = budget_step(ref->cache, ref->id);
		if (unused == 0)
			continue;
		close_for(ref->cache, unused, ref->id);
		has_room = budget_has_room(ref->cache, bytes);
	}
	return has_room;
}

/* A slab of the class is one object: to take more than are asked for would make slabs. */
static bool is_alone(unsigned id) { return size_classes[id].objects == 1; }

/* Gives the bin its first magazine. */
static cold bool bin_open(const struct bin_ref *ref)
{
	size_t limit = size_classes[ref->id].first_limit;
	struct magazine *magazine = make_room(ref, limit, 1) ? magazine_create(ref->id) : NULL;
	if (magazine == NULL)
		return false;
	budget_charge(ref, limit, 1);
	load(ref, magazine, limit);
	return true;
}

/* Doubles the limit if the slots and the budget allow it. */
static noinline bool bin_grow(const struct bin_ref *ref)
{
	struct bin_state *state = ref->state;
	unsigned magazines = bin_magazines(state);
	size_t limit = size_min((size_t)state->limit * 2, size_classes[ref->id].magazine_slots);
	if (limit <= state->limit || !make_room(ref, limit - state->limit, magazines))
		return false;
	budget_charge(ref, limit, magazines);
	size_t most = size_max(limit, bin_loaded_objects(ref->bin, state));
	ref->bin->limit = bin_distance(ref->bin, bin_loaded(state), most);
	return true;
}

/* Gives the bin its second magazine. */
static cold bool bin_pair(const struct bin_ref *ref)
{
	struct magazine *magazine = make_room(ref, ref->state->limit, 1) ? magazine_create(ref->id) : NULL;
	if (magazine == NULL)
		return false;
	set_previous(ref->state, magazine);
	budget_charge(ref, ref->state->limit, 2);
	return true;
}

/*
 * True for objects that share cache lines with others, which other threads may hold. Not of object caches, whose owner
 * may ask for LM_CACHE_HWALIGN.
 */
static bool shares_lines(unsigned id)
{
	size_t bytes = size_classes[id].bytes;
	return bytes <= SHARING_MAX_BYTES && bytes % CACHE_LINE_BYTES != 0 && thread_count() > 1 && id < CLASS_COUNT;
}

/*
 * True while a thread has hardly used a class whose objects share lines. If it frees before it has allocated, the
 * objects are other threads', and their lines would stay shared: they go to the slabs.
 */
static bool is_new_to(const struct bin_ref *ref)
{
	ptrdiff_t balance = ref->state->balance;
	return balance <= 0 && balance > -SHY_FREES && shares_lines(ref->id);
}

/*
 * The loaded magazine is empty: fills it from the slabs. A thread's first objects have their cache lines for
 * themselves, so that a thread which uses few does not slow others down (passive false sharing: Berger et al. 2000).
 */
static void fill_from_slabs(const struct bin_ref *ref)
{
	struct bin_state *state = ref->state;
	struct magazine *loaded = bin_loaded(state);
	size_t wanted = is_alone(ref->id) ? 1 : state->limit;
	size_t count = is_new_to(ref) ? cache_alloc_lines(ref->id, loaded->slot, wanted)
				      : cache_alloc(ref->id, loaded->slot, wanted);
	state->balance += (ptrdiff_t)count;
	bin_set_top(ref->bin, bin_distance(ref->bin, loaded, count));
}

static bool load_from_depot(const struct bin_ref *ref)
{
	struct magazine *full = depot_pop(ref->id, ref->cache);
	if (full == NULL)
		return false;
	magazine_destroy(bin_loaded(ref->state), ref->id);
	ref->state->balance += (ptrdiff_t)full->count;
	load_filled(ref, full);
	return true;
}

/* The loaded magazine is empty, and so is the other. */
static void *refill_from_outside(const struct bin_ref *ref)
{
	struct bin_state *state = ref->state;
	state->recent = true;
	state->draining = false;
	if (bin_loaded(state) == NULL && !bin_open(ref)) {
		void *object = cache_alloc_single(ref->id);
		state->balance += object != NULL;
		return object;
	}
	if (!load_from_depot(ref)) {
		if (!is_alone(ref->id))
			bin_grow(ref);
		fill_from_slabs(ref);
	}
	if (DEBUG_CHECKS)
		bin_check(ref->cache, ref->id);
	return bin_pop(ref->bin);
}

void *bin_refill(struct thread_cache *cache, unsigned id)
{
	struct bin_ref ref = bin_ref(cache, id);
	/* The bin may hold objects: past M_MMAP_THRESHOLD's change, malloc's table may not lead to it. */
	void *object = bin_pop(ref.bin);
	if (object != NULL)
		return object;
	if (ref.state->previous == NULL || ref.state->previous->count == 0)
		return refill_from_outside(&ref);
	swap_magazines(&ref);
	return bin_pop(ref.bin);
}

/* Both magazines are full: the other one is emptied, whole into the depot if that has room. */
static void empty_previous(const struct bin_ref *ref, const char *function)
{
	struct bin_state *state = ref->state;
	struct magazine *full = state->previous;
	/* What the thread gives beyond what it took came from other threads, one of which may want it back. */
	bool of_others = state->balance < (ptrdiff_t)full->count;
	bool wanted = depot_wants(ref->id, ref->cache, of_others ? DEPOT_OF_OTHERS : DEPOT_OWN);
	struct magazine *empty = wanted ? magazine_create(ref->id) : NULL;
	if (empty != NULL) {
		state->balance -= (ptrdiff_t)full->count;
		depot_push(ref->id, full);
	} else {
		give_to_slabs(ref, full->slot, full->count, function);
		full->count = 0;
		empty = full;
	}
	set_previous(state, empty);
	struct magazine *surplus = depot_pop_surplus(ref->id);
	if (surplus != NULL)
		depot_discard(ref->id, surplus, function);
}

/* The loaded magazine is full and alone: half of it goes to the slabs. */
static cold void empty_half(const struct bin_ref *ref, const char *function)
{
	struct magazine *loaded = unload(ref);
	size_t keep = loaded->count / 2;
	bin_set_top(ref->bin, bin_distance(ref->bin, loaded, keep));
	give_to_slabs(ref, loaded->slot + keep, loaded->count - keep, function);
}

/*
 * A program that frees all it has leaves its last objects in magazines, often on the topmost pages of the heap, which
 * keep the break up. So the thread empties all of its magazines when much of the heap is idle, and of this class no
 * more is out than the depot holds and four magazines may hold. From then on frees of the class go to the slabs, until
 * the next malloc of it.
 */
static bool drain_is_due(const struct bin_ref *ref)
{
	return cache_objects_out(ref->id) <= depot_objects(ref->id) + (size_t)ref->state->limit * 4 &&
	       trim_drain_is_due();
}

static cold void drain(const struct bin_ref *ref)
{
	bins_close(ref->cache, ref->id);
	depot_drain_all();
	ref->state->draining = true;
	trim_note_drained();
}

/* The loaded magazine is full: true when it, or another that was loaded, has room. */
static bool make_space(const struct bin_ref *ref, const char *function)
{
	ref->state->recent = true;
	/* A magazine from the depot may be fuller than the grown limit still is. */
	if (bin_grow(ref) && bin_top(ref->bin) != ref->bin->limit)
		return true;
	if (ref->state->previous == NULL && !bin_pair(ref)) {
		empty_half(ref, function);
		return true;
	}
	if (ref->state->previous->count > 0)
		empty_previous(ref, function);
	swap_magazines(ref);
	return true;
}

/* Pushes the object if its bin has room or can make some. */
static bool push(const struct bin_ref *ref, void *object, const char *function)
{
	struct bin *bin = ref->bin;
	struct bin_state *state = ref->state;
	if (state->draining || (bin_loaded(state) == NULL && (is_new_to(ref) || !bin_open(ref))))
		return false;
	if (bin_top(bin) == bin->limit && state->previous != NULL && state->previous->count == 0)
		swap_magazines(ref);
	if (bin_top(bin) == bin->limit && (drain_is_due(ref) || !make_space(ref, function)))
		return false;
	bin_put_above(bin, bin_top(bin), object);
	if (DEBUG_CHECKS)
		bin_check(ref->cache, ref->id);
	return true;
}

void bin_overflow(struct thread_cache *cache, unsigned id, void *object, const char *function)
{
	struct bin_ref ref = bin_ref(cache, id);
	if (push(&ref, object, function))
		return;
	give_to_slabs(&ref, &object, 1, function);
	if (bin_loaded(ref.state) != NULL && drain_is_due(&ref))
		drain(&ref);
}

/* An object that stands in the bin while its slab calls it free, or that stands there twice, was freed twice. */
static cold void verify_magazine(const struct magazine *magazine, size_t count, unsigned id)
{
	for (size_t at = 0; at < count; at++) {
		void *object = magazine->slot[at];
		struct slab *slab = slab_of((uintptr_t)object, id);
		if (slab == NULL || slab_says_free(slab, (uintptr_t)object) || magazine_holds(magazine, at, object))
			report_later(REPORT_DOUBLE_FREE, object, freed_by(id));
	}
}

void bin_verify(const struct thread_cache *cache, unsigned id)
{
	struct bin_ref ref = bin_ref(cache, id);
	const struct magazine *previous = ref.state->previous;
	verify_magazine(bin_loaded(ref.state), bin_loaded_objects(ref.bin, ref.state), id);
	if (previous != NULL)
		verify_magazine(previous, previous->count, id);
}
