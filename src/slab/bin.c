/*
 * bin.c - the misses of the fast path (see thread_cache.h), in the order in which they get dearer:
 *
 *      malloc: swap the two magazines; a full one from the depot; a batch from the slabs
 *      free:   let the magazine grow; swap; give the full one to the depot; empty it into the slabs
 *
 * A bin begins with a small limit and doubles it at each visit to the slabs. What all limits of a thread allow is
 * charged against its budget of bytes (bin_budget.h).
 */
#include "slab/bin.h"

#include "base/report.h"
#include "page/trim.h"
#include "slab/bin_budget.h"
#include "slab/cache.h"
#include "slab/object_bin.h"

enum {
	SHARING_MAX_BYTES = 256,
	SHY_FREES = 4,
};

static void **top_of(const struct bin *bin) { return atomic_load_explicit(&bin->top, memory_order_relaxed); }

static void set_top(struct bin *bin, void **top) { atomic_store_explicit(&bin->top, top, memory_order_relaxed); }

/* Of the loaded magazine. */
static size_t loaded_objects(const struct bin *bin, const struct side *side)
{
	struct magazine *loaded = bin_loaded(side);
	return loaded == NULL ? 0 : (size_t)(top_of(bin) - &loaded->bottom);
}

static void set_loaded(struct side *side, struct magazine *magazine)
{
	atomic_store_explicit(&side->loaded, magazine, memory_order_relaxed);
}

/* Makes `magazine`, of which count is valid, the loaded one. */
static void load(struct bin *bin, struct side *side, struct magazine *magazine, size_t limit)
{
	set_loaded(side, magazine);
	bin->limit = &magazine->bottom + limit;
	set_top(bin, &magazine->bottom + magazine->count);
}

static void unload(const struct bin *bin, const struct side *side)
{
	bin_loaded(side)->count = loaded_objects(bin, side);
}

/* A magazine from the depot may hold more than this thread's limit allows: it may stay so full while it is loaded. */
static size_t limit_for(const struct side *side, const struct magazine *magazine)
{
	return size_max(side->limit, magazine->count);
}

/* After every change of the other magazine. */
static void show_previous(struct side *side)
{
	uint32_t objects = side->previous == NULL ? 0 : (uint32_t)side->previous->count;
	atomic_store_explicit(&side->previous_objects, objects, memory_order_relaxed);
}

static void swap(struct bin *bin, struct side *side)
{
	struct magazine *loaded = bin_loaded(side);
	unload(bin, side);
	load(bin, side, side->previous, limit_for(side, side->previous));
	side->previous = loaded;
	show_previous(side);
}

static unsigned magazines_of(const struct thread_cache *cache, unsigned c)
{
	return (bin_loaded(side_at(cache, c)) != NULL) + (side_at(cache, c)->previous != NULL);
}

static void give_to_slabs(struct side *side, unsigned c, void **objects, size_t count, const char *function)
{
	side->balance -= (ptrdiff_t)count;
	cache_free(c, objects, count, function);
}

static void empty_into_slabs(struct side *side, struct magazine *magazine, unsigned c, const char *function)
{
	give_to_slabs(side, c, magazine->slot, magazine->count, function);
	magazine->count = 0;
}

/* The function that objects in a bin were freed by, as far as that is known when they go on. */
static const char *freed_by(unsigned c) { return c < CLASS_COUNT ? "free" : "lm_cache_free"; }

void bin_strip(struct thread_cache *cache, unsigned c)
{
	struct bin *bin = bin_at(cache, c);
	struct side *side = side_at(cache, c);
	struct magazine *loaded = bin_loaded(side);
	struct magazine *previous = side->previous;
	if (loaded == NULL)
		return;
	if (DEBUG_CHECKS && c >= CLASS_COUNT && !lock_is_held(&cache->objects_lock))
		report_internal("bin: closed without its lock");
	unload(bin, side);
	set_loaded(side, NULL);
	bin->limit = thread_cache_no_bins[0].limit;
	set_top(bin, thread_cache_no_bins[0].limit);
	side->previous = NULL;
	show_previous(side);
	empty_into_slabs(side, loaded, c, freed_by(c));
	magazine_destroy(loaded, c);
	if (previous != NULL) {
		empty_into_slabs(side, previous, c, freed_by(c));
		magazine_destroy(previous, c);
	}
}

void bin_close(struct thread_cache *cache, unsigned c)
{
	if (side_at(cache, c)->charge != 0)
		budget_charge(cache, c, 0, 0);
	bin_strip(cache, c);
}

/* Gives the bin its first magazine. */
static bool bin_open(struct thread_cache *cache, unsigned c)
{
	size_t limit = size_classes[c].first_limit;
	if (!budget_make_room(cache, limit * budget_charge_of(c), c))
		return false;
	struct magazine *magazine = magazine_create(c);
	if (magazine == NULL)
		return false;
	budget_charge(cache, c, limit, 1);
	load(bin_at(cache, c), side_at(cache, c), magazine, limit);
	return true;
}

/* Doubles the limit if the slots and the budget allow it. */
static bool bin_grow(struct thread_cache *cache, unsigned c)
{
	struct bin *bin = bin_at(cache, c);
	struct side *side = side_at(cache, c);
	unsigned magazines = magazines_of(cache, c);
	size_t limit = size_min((size_t)side->limit * 2, size_classes[c].magazine_slots);
	if (limit <= side->limit)
		return false;
	if (!budget_make_room(cache, (limit - side->limit) * magazines * budget_charge_of(c), c))
		return false;
	budget_charge(cache, c, limit, magazines);
	bin->limit = &bin_loaded(side)->bottom + size_max(limit, loaded_objects(bin, side));
	return true;
}

/* Gives the bin its second magazine. */
static bool bin_pair(struct thread_cache *cache, unsigned c)
{
	struct side *side = side_at(cache, c);
	if (!budget_make_room(cache, (size_t)side->limit * budget_charge_of(c), c))
		return false;
	side->previous = magazine_create(c);
	if (side->previous == NULL)
		return false;
	budget_charge(cache, c, side->limit, 2);
	return true;
}

/*
 * True for objects that share cache lines with others, where other threads may hold those. Not of object caches, whose
 * owner may ask for LM_CACHE_HWALIGN.
 */
static bool shares_lines(unsigned c)
{
	size_t bytes = size_classes[c].bytes;
	return bytes <= SHARING_MAX_BYTES && bytes % CACHE_LINE_BYTES != 0 && thread_cache_count() > 1 &&
	       c < CLASS_COUNT;
}

/*
 * True while a thread has done next to nothing with a class whose objects share lines. The first frees of one that has
 * allocated nothing are of others, whose lines it would go on sharing: they go to the slabs.
 */
static bool is_new_to(const struct side *side, unsigned c)
{
	return side->balance <= 0 && side->balance > -SHY_FREES && shares_lines(c);
}

/*
 * The loaded magazine is empty: fills it from the slabs. A thread's first objects have their cache lines for
 * themselves, so that one which uses few does not slow others down (passive false sharing: Berger et al. 2000).
 */
static void fill_from_slabs(struct thread_cache *cache, unsigned c)
{
	struct side *side = side_at(cache, c);
	struct magazine *loaded = bin_loaded(side);
	bool lines = is_new_to(side, c);
	size_t count = lines ? cache_alloc_lines(c, loaded->slot, side->limit)
			     : cache_alloc(c, loaded->slot, side->limit);
	side->balance += (ptrdiff_t)count;
	set_top(bin_at(cache, c), &loaded->bottom + count);
}

static bool load_from_depot(struct thread_cache *cache, unsigned c)
{
	struct side *side = side_at(cache, c);
	struct magazine *full = depot_pop(c, cache);
	if (full == NULL)
		return false;
	magazine_destroy(bin_loaded(side), c);
	side->balance += (ptrdiff_t)full->count;
	load(bin_at(cache, c), side, full, limit_for(side, full));
	return true;
}

static void *alloc_uncached(unsigned c)
{
	void *object;
	return cache_alloc(c, &object, 1) == 1 ? object : NULL;
}

/* The class is asked for. */
static void want(struct side *side)
{
	side->recent = true;
	side->draining = false;
}

void thread_cache_note_taken(unsigned c, bool zeroed)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return;
	want(side_at(cache, c));
	side_at(cache, c)->balance++;
	side_at(cache, c)->was_dirty = !zeroed;
}

/* The loaded magazine is empty, and so is the other. */
static void *refill_from_outside(struct thread_cache *cache, unsigned c)
{
	struct side *side = side_at(cache, c);
	want(side);
	if (bin_loaded(side) == NULL && !bin_open(cache, c)) {
		void *object = alloc_uncached(c);
		side->balance += object != NULL;
		return object;
	}
	if (!load_from_depot(cache, c)) {
		bin_grow(cache, c);
		fill_from_slabs(cache, c);
	}
	if (DEBUG_CHECKS)
		bin_check(cache, c);
	return bin_pop(bin_at(cache, c));
}

static inline void *refill(struct thread_cache *cache, unsigned c)
{
	struct bin *bin = bin_at(cache, c);
	struct side *side = side_at(cache, c);
	/* Not every miss was one of this bin: M_MMAP_THRESHOLD sends requests here past it. */
	void *object = bin_pop(bin);
	if (object != NULL)
		return object;
	if (side->previous == NULL || side->previous->count == 0)
		return refill_from_outside(cache, c);
	swap(bin, side);
	return bin_pop(bin);
}

void *bin_refill(struct thread_cache *cache, unsigned c) { return refill(cache, c); }

noinline void *thread_cache_refill(unsigned c)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return alloc_uncached(c);
	thread_cache_enter_miss(cache);
	void *object = refill(cache, c);
	thread_cache_leave_miss(cache);
	return object;
}

/* Both magazines are full: the other one is emptied, whole into the depot if that has room, and swapped in. */
static void empty_previous(struct thread_cache *cache, unsigned c, const char *function)
{
	struct side *side = side_at(cache, c);
	/* What it gives beyond what it took came from other threads, one of which may want it back. */
	bool of_others = side->balance < (ptrdiff_t)side->previous->count;
	bool wanted = depot_wants(c, cache, of_others ? DEPOT_OF_OTHERS : DEPOT_OWN);
	struct magazine *empty = wanted ? magazine_create(c) : NULL;
	if (empty != NULL) {
		side->balance -= (ptrdiff_t)side->previous->count;
		depot_push(c, side->previous);
		side->previous = empty;
	} else {
		empty_into_slabs(side, side->previous, c, function);
	}
	show_previous(side);
	struct magazine *surplus = depot_pop_surplus(c);
	if (surplus != NULL) {
		cache_free(c, surplus->slot, surplus->count, function);
		magazine_destroy(surplus, c);
	}
}

/* The loaded magazine is full and alone: half of it goes to the slabs. */
static void empty_half(struct bin *bin, struct side *side, unsigned c, const char *function)
{
	struct magazine *loaded = bin_loaded(side);
	size_t keep = loaded_objects(bin, side) / 2;
	size_t count = loaded_objects(bin, side) - keep;
	set_top(bin, &loaded->bottom + keep);
	give_to_slabs(side, c, loaded->slot + keep, count, function);
}

/*
 * A program that frees what it has leaves its last objects in the magazines, often on the heap's topmost pages, and the
 * break could not go down over them. So when much of the heap is idle, and of a class little more is out than magazines
 * may hold, all magazines of the thread are emptied, and frees of the class go straight to the slabs until it
 * is asked for again.
 */
static bool drain_is_due(const struct side *side, unsigned c)
{
	size_t out = atomic_load_explicit(&caches[c].objects_out, memory_order_relaxed);
	size_t in_depot = atomic_load_explicit(&caches[c].depot.objects, memory_order_relaxed);
	return out <= in_depot + (size_t)side->limit * 4 && trim_wants_drain();
}

static void drain(struct thread_cache *cache, unsigned c)
{
	for (unsigned each = 1; each < CLASS_COUNT; each++)
		bin_close(cache, each);
	if (c >= CLASS_COUNT)
		bins_close_objects_held(cache);
	else
		bins_close_objects(cache);
	depot_drain_all();
	side_at(cache, c)->draining = true;
	trim_note_drained();
}

/* The loaded magazine is full: true when it, or another that was loaded, has room. */
static bool make_space(struct thread_cache *cache, unsigned c, const char *function)
{
	struct bin *bin = bin_at(cache, c);
	struct side *side = side_at(cache, c);
	side->recent = true;
	/* A magazine from the depot may be fuller than the grown limit still is. */
	if (bin_grow(cache, c) && top_of(bin) != bin->limit)
		return true;
	/* Of the largest objects one is kept, and that is the one which was freed first. */
	if (size_classes[c].magazine_slots == 1)
		return false;
	if (side->previous == NULL && !bin_pair(cache, c)) {
		empty_half(bin, side, c, function);
		return true;
	}
	if (side->previous->count > 0)
		empty_previous(cache, c, function);
	swap(bin, side);
	return true;
}

/* Pushes the object if its bin has room or can make some. */
static bool push(struct thread_cache *cache, unsigned c, void *object, const char *function)
{
	struct bin *bin = bin_at(cache, c);
	struct side *side = side_at(cache, c);
	if (side->draining || (bin_loaded(side) == NULL && (is_new_to(side, c) || !bin_open(cache, c))))
		return false;
	if (top_of(bin) == bin->limit && side->previous != NULL && side->previous->count == 0)
		swap(bin, side);
	if (top_of(bin) == bin->limit && (drain_is_due(side, c) || !make_space(cache, c, function)))
		return false;
	void **top = top_of(bin);
	top[1] = object;
	set_top(bin, top + 1);
	if (DEBUG_CHECKS)
		bin_check(cache, c);
	return true;
}

static inline void overflow(struct thread_cache *cache, unsigned c, void *object, const char *function)
{
	if (push(cache, c, object, function))
		return;
	struct side *side = side_at(cache, c);
	give_to_slabs(side, c, &object, 1, function);
	if (bin_loaded(side) != NULL && drain_is_due(side, c))
		drain(cache, c);
}

void bin_overflow(struct thread_cache *cache, unsigned c, void *object, const char *function)
{
	overflow(cache, c, object, function);
}

noinline void thread_cache_overflow(unsigned c, void *object, const char *function)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL) {
		cache_free(c, &object, 1, function);
		return;
	}
	thread_cache_enter_miss(cache);
	overflow(cache, c, object, function);
	thread_cache_leave_miss(cache);
}

size_t bin_objects(const struct thread_cache *cache, unsigned c)
{
	const struct side *side = side_at(cache, c);
	size_t loaded = loaded_objects(bin_at(cache, c), side);
	/* A magazine that is swapped just now gives any number: it counts as empty. */
	if (loaded > size_classes[c].magazine_slots)
		loaded = 0;
	return loaded + atomic_load_explicit(&side->previous_objects, memory_order_relaxed);
}

void bin_check(const struct thread_cache *cache, unsigned c)
{
	const struct bin *bin = bin_at(cache, c);
	const struct side *side = side_at(cache, c);
	const struct magazine *loaded = bin_loaded(side);
	if (loaded == NULL) {
		bool charged = side->charge != 0 && c < CLASS_COUNT;
		if (bin->limit != thread_cache_no_bins[0].limit || side->previous != NULL || charged)
			report_internal("bin: closed, but not empty");
		return;
	}
	void *const *bottom = &loaded->bottom;
	if (top_of(bin) < bottom || top_of(bin) > bin->limit || bin->limit > bottom + size_classes[c].magazine_slots)
		report_internal("bin: top or limit out of order");
	if (*bottom != NULL)
		report_internal("bin: the bottom is not NULL");
	if (side->charge != (size_t)side->limit * magazines_of(cache, c) * budget_charge_of(c))
		report_internal("bin: the charge is wrong");
}

/* An object that stands in the bin while its slab calls it free, or that stands there twice, was freed twice. */
static void verify_object(const struct magazine *magazine, size_t at, unsigned c)
{
	void *object = magazine->slot[at];
	struct slab *slab = slab_of((uintptr_t)object, c);
	bool twice = slab == NULL || slab_says_free(slab, (uintptr_t)object);
	for (size_t i = 0; i < at && !twice; i++)
		twice = magazine->slot[i] == object;
	if (twice)
		report_bad_pointer(REPORT_DOUBLE_FREE, object, freed_by(c));
}

void bin_verify(const struct thread_cache *cache, unsigned c)
{
	const struct bin *bin = bin_at(cache, c);
	const struct side *side = side_at(cache, c);
	const struct magazine *previous = side->previous;
	for (size_t i = 0; i < loaded_objects(bin, side); i++)
		verify_object(bin_loaded(side), i, c);
	for (size_t i = 0; previous != NULL && i < previous->count; i++)
		verify_object(previous, i, c);
}
