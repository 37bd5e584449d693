/*
 * bins.h - the bins of a thread: what malloc and free touch on the fast path.
 *
 *      thread_cache_self -> bin[class]:    top --> the newest object in the loaded magazine, or its NULL bottom
 *                                          limit -> the slot that top may not pass
 *                           state[class]:  the other magazine, which is full or empty; what the misses know
 *      object_table_self -> bin[id - CLASS_COUNT] -> the same for an object cache
 *
 * top and limit are distances from the bin. So a bin of zeros is closed: top = 0 is the distance of `top` itself, whose
 * value 0 reads as NULL, so the magazine looks empty. top = limit, so it looks full as well. Each call misses, and the
 * miss finds out why. A thread without a cache points at such bins, which need no relocation. Class 0 is such a bin in
 * every cache, so "not a small object" needs no test of its own.
 *
 * Owner: the thread. Other threads read top, loaded and previous_objects, relaxed, to count objects. With objects_lock,
 * which the owner's misses take too, bin_strip of another thread closes the bin of a cache that nobody uses any more.
 *
 * Invariant (bin_check): bottom <= top <= limit <= the last slot; charge = state.limit * magazines * bin_charge_of.
 * A closed bin has top = limit = 0 and no magazines; its charge is 0, but after bin_strip only when its owner comes by.
 */
#ifndef LM_MAGAZINE_BINS_H
#define LM_MAGAZINE_BINS_H

#include "base/compiler.h"
#include "base/list.h"
#include "magazine/magazine.h"
#include "os/lock.h"
#include "page/pagemap.h"
#include "slab/size_class.h"

/*
 * 32 bytes: two bins in a cache line, an index is a shift.
 *
 *      0     8       16            20      24            28
 *      [ top | limit | offset_mask | magic | begin_limit | unused ]
 *
 *      bin            magazine: bottom   slot 0   slot 1   slot 2 ... the last slot
 *      |-- top ------------------------------------>|                   two objects are loaded
 *      |-- limit ------------------------------------------->|          three may be
 *      |<- top = limit = 0                                              closed: all 32 bytes are 0
 */
struct bin {
	_Atomic ptrdiff_t top; /* bytes from the bin to the slot of its newest object, or to the bottom */
	ptrdiff_t limit;       /* bytes from the bin to the slot that top may not pass */
	uint32_t offset_mask; /* address & offset_mask = offset in its slab */
	uint32_t magic;       /* these two are the class's: they tell where an object begins (size_class_begins) */
	uint32_t begin_limit;
};

struct bin_state {
	struct magazine *_Atomic loaded; /* the one that the bin's top leads into; NULL: the bin is closed */
	struct magazine *previous; /* count = previous_objects */
	uint32_t charge;   /* bytes of the budget */
	uint16_t limit;    /* objects that each of the two magazines may hold now */
	bool recent;       /* there was a miss since the clock hand last came by */
	ptrdiff_t seen;    /* the bin's top when the clock hand last came by */
	ptrdiff_t balance; /* objects taken from the depot and the slabs less those given: < 0, others' objects */
	_Atomic uint32_t previous_objects; /* read by statistics, as `loaded` is */
	bool draining;  /* closed to frees until the next malloc: see drain_is_due in miss.c */
	bool was_dirty; /* the last object that calloc took past the magazines had to be cleared */
};

/*
 * A thread's bin for an object cache, and the slab that an object was last freed into. Owner: the thread; objects_lock
 * guards bin and state in misses. key and span follow from the id.
 *
 *      0     32      40    48     56          104      128
 *      [ bin | first | key | span | state ... | unused ]        all that a push reads lies in the first cache line
 */
struct object_bin {
	struct bin bin;
	uintptr_t first; /* its first object, or NO_SLAB */
	uint64_t key;    /* slab_key of the cache; UINT64_MAX, which is none, in object_bin_none */
	size_t span;     /* bytes from the first object to the end of the last one */
	struct bin_state state;
} cache_line_aligned;

#define NO_SLAB ((uintptr_t)1 << 63) /* no pointer is close to it */

/* By id - CLASS_COUNT: bin[0 .. count), none NULL. An id without a bin of its own has object_bin_none, a closed one. */
struct object_table {
	size_t count;
	struct object_bin *bin[];
};

static inline size_t object_table_bytes(size_t count)
{
	return sizeof(struct object_table) + count * sizeof(struct object_bin *);
}

struct thread_cache {
	struct bin bin[CLASS_COUNT];
	struct bin_state state[CLASS_COUNT];
	struct object_table *objects; /* objects_lock guards changes; the owner also reads it without the lock */
	struct lock objects_lock; /* RANK_OBJECTS: for misses of object caches, and threads that visit their bins */
	struct list_node node;    /* guarded by threads_lock */
	size_t charged;           /* bytes of the budget. This and the next two: the owner alone */
	unsigned hand;            /* the id at which the search for room goes on: 1 to thread_cache_end_of - 1 */
	bool is_reaping;          /* the thread is calling destructors of object caches, because memory is short */
	_Atomic unsigned busy;    /* in a miss: bins may be half changed. Relaxed: its signal handlers read it */
};

/* The two words of thread-local storage. The second is self->objects, or an empty table if there is no cache. */
extern _Thread_local struct thread_cache *thread_cache_self __attribute__((tls_model("initial-exec")));
extern _Thread_local struct object_table *object_table_self __attribute__((tls_model("initial-exec")));

extern struct object_table object_table_none LM_HIDDEN;
extern const struct object_bin object_bin_none LM_HIDDEN;

/* One more than the highest id that the cache has a bin for. */
static inline unsigned thread_cache_end_of(const struct thread_cache *cache)
{
	return CLASS_COUNT + (unsigned)cache->objects->count;
}

static inline struct object_bin *object_bin_at(const struct thread_cache *cache, unsigned id)
{
	if (id < thread_cache_end_of(cache))
		return cache->objects->bin[id - CLASS_COUNT];
	return (struct object_bin *)(uintptr_t)&object_bin_none;
}

/* The magazine that a bin's top leads into; NULL: the bin is closed. Relaxed: other threads only count. */
static inline struct magazine *bin_loaded(const struct bin_state *state)
{
	return load_relaxed(&state->loaded);
}

/* A slot of a magazine. In a closed bin it is the top itself: therefore it may alias that. */
typedef void *__attribute__((may_alias)) bin_slot;

static always_inline ptrdiff_t bin_top(const struct bin *bin) { return load_relaxed(&bin->top); }

static always_inline void bin_set_top(struct bin *bin, ptrdiff_t top) { store_relaxed(&bin->top, top); }

/* The slot at a distance from the bin, and the distance of the slot above the first `count` ones of a magazine. */
static always_inline bin_slot *bin_slot_at(const struct bin *bin, ptrdiff_t distance)
{
	return (bin_slot *)((uintptr_t)bin + (uintptr_t)distance);
}

static inline ptrdiff_t bin_distance(const struct bin *bin, const struct magazine *magazine, size_t count)
{
	return (ptrdiff_t)((uintptr_t)(&magazine->bottom + count) - (uintptr_t)bin);
}

/* How many objects a magazine holds if the bin's top, or limit, is at this distance. */
static inline size_t bin_count_below(const struct bin *bin, const struct magazine *magazine, ptrdiff_t distance)
{
	return (size_t)(distance - bin_distance(bin, magazine, 0)) / sizeof(void *);
}

/* The objects in the loaded magazine. */
static inline size_t bin_loaded_objects(const struct bin *bin, const struct bin_state *state)
{
	struct magazine *loaded = bin_loaded(state);
	return loaded == NULL ? 0 : bin_count_below(bin, loaded, bin_top(bin));
}

static inline unsigned bin_magazines(const struct bin_state *state)
{
	return (bin_loaded(state) != NULL) + (state->previous != NULL);
}

/* What one object is charged with: its bytes, a cache line at least, as each object pins a page. */
static inline size_t bin_charge_of(unsigned id) { return size_max(size_classes[id].bytes, CACHE_LINE_BYTES); }

/* Tells a bin where its class's objects begin. */
static inline void bin_lay_out(struct bin *bin, unsigned id)
{
	const struct size_class *class = &size_classes[id];
	bin->magic = class->magic;
	bin->begin_limit = class->begin_limit;
	bin->offset_mask = ((uint32_t)PAGE_BYTES << class->order) - 1;
}

/* Any bin, with what belongs to it. */
struct bin_ref {
	struct thread_cache *cache;
	struct bin *bin;
	struct bin_state *state;
	unsigned id; /* its class, or its object cache */
};

static inline struct bin_ref bin_ref(const struct thread_cache *owner, unsigned id)
{
	struct thread_cache *cache = (struct thread_cache *)(uintptr_t)owner;
	if (likely(id < CLASS_COUNT))
		return (struct bin_ref){cache, &cache->bin[id], &cache->state[id], id};
	struct object_bin *object_bin = object_bin_at(cache, id);
	return (struct bin_ref){cache, &object_bin->bin, &object_bin->state, id};
}

/*
 * What threads without a cache point at: one for "not yet", one for "no more". All zeros; only their bins are read. All
 * bins are alike, so the two overlap, shifted by one bin:   NONE = bin[0 .. 88]   ENDED = bin[1 .. 89]
 */
extern const struct bin thread_cache_no_bins[CLASS_COUNT + 1] LM_HIDDEN;
#define THREAD_CACHE_NONE ((struct thread_cache *)(uintptr_t)thread_cache_no_bins)
#define THREAD_CACHE_ENDED ((struct thread_cache *)(uintptr_t)(thread_cache_no_bins + 1))

/* The object that was freed last into a bin and is still there, or NULL. */
static inline void *bin_newest(const struct bin *bin) { return *bin_slot_at(bin, bin_top(bin)); }

/* True if an object of the bin's class begins at this address in its slab. */
static inline bool bin_object_begins(const struct bin *bin, const void *object)
{
	return ((uint32_t)(uintptr_t)object & bin->offset_mask) * bin->magic < bin->begin_limit;
}

/*
 * The fast path: this thread's bin of a class; then malloc takes from its top, and free puts on it. The lines of empty
 * assembly keep gcc from computing an address twice, and from holding it in a register of its own.
 */
static always_inline struct bin *bin_of(unsigned size_class)
{
	struct bin *bin = &thread_cache_self->bin[size_class];
	__asm__("" : "+r"(bin));
	return bin;
}

/* Takes the newest object; NULL when the magazine is empty. */
static always_inline void *bin_pop(struct bin *bin)
{
	ptrdiff_t top = load_relaxed(&bin->top);
	void *object = *bin_slot_at(bin, top);
	if (unlikely(object == NULL))
		return NULL;
	store_relaxed(&bin->top, top - (ptrdiff_t)sizeof(void *));
	__asm__("" : "+r"(object)); /* in the register of malloc's result; gcc forgets that it is not NULL */
	if (object == NULL)
		__builtin_unreachable();
	return object;
}

/*
 * Puts an object on the top. False when the magazine is full, when no object of the class begins at the offset in the
 * slab, or when the newest object is this very one: the slow path finds out which.
 */
static always_inline bool bin_push(struct bin *bin, void *object, uint32_t offset)
{
	ptrdiff_t top = load_relaxed(&bin->top);
	if (unlikely(offset * bin->magic >= bin->begin_limit) || unlikely(top == bin->limit) ||
	    unlikely(*bin_slot_at(bin, top) == object))
		return false;
	__asm__("" : "+r"(top));
	bin_slot_at(bin, top)[1] = object;
	store_relaxed(&bin->top, top + (ptrdiff_t)sizeof(void *));
	return true;
}

/* The same of an object that is known to be of the class, and for which there is room. */
static inline void bin_put_above(struct bin *bin, ptrdiff_t top, void *object)
{
	bin_slot_at(bin, top)[1] = object;
	bin_set_top(bin, top + (ptrdiff_t)sizeof(void *));
}

/* The objects in both magazines; roughly, if another thread owns the bin. */
cold size_t bin_objects(const struct thread_cache *cache, unsigned id);

/* Tests the invariant; reports an internal error. In debug builds only. */
cold void bin_check(const struct thread_cache *cache, unsigned id);

#endif
