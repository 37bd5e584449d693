/*
 * thread_cache.h - each thread's magazines: what malloc and free touch when all is well.
 *
 *      thread_cache_self -> bin[class]:  top --> the last object in the loaded magazine, or its NULL bottom
 *                                        limit -> the slot that top may not pass
 *                           side[class]: the other magazine, which is full or empty
 *      object_table_self -> bin[id - CLASS_COUNT] -> the same for an object cache (object_bin.h)
 *
 * A thread that has no cache yet (or none any more, or is not to have one) points at a static one in which every
 * magazine is empty and full at once: each call misses, and the miss finds out why. Class 0 is such a bin in every
 * cache, so "not a small object" needs no test of its own.
 *
 * Owner: the thread. Other threads read the tops for statistics, relaxed. The list of all caches is guarded by
 * threads_lock (RANK_THREADS).
 *
 * Invariant (thread_cache_check): bottom <= top <= limit <= the last slot; charged = the sum over the bins of
 * what their limits allow, in bytes.
 */
#ifndef LM_SLAB_THREAD_CACHE_H
#define LM_SLAB_THREAD_CACHE_H

#include "base/compiler.h"
#include "base/list.h"
#include "base/lock.h"
#include "slab/magazine.h"
#include "slab/size_class.h"

#include <stdbool.h>
#include <stddef.h>

/* 32 bytes: two bins in a cache line, an index is a shift. */
struct bin {
	void **_Atomic top;
	void **limit;
	uint32_t offset_mask; /* address & offset_mask = offset in its slab */
	uint32_t magic;       /* these two are the class's: they tell where an object begins (size_class_begins) */
	uint32_t begin_limit;
};

struct side {
	struct magazine *_Atomic loaded; /* the one that the bin's top and limit point into; NULL: the bin is closed */
	struct magazine *previous;
	uint32_t charge; /* bytes of the budget */
	uint16_t limit;  /* objects that each of the two magazines may hold now */
	bool recent;     /* there was a miss since the clock hand came by */
	void **seen;           /* the bin's top when the clock hand last came by */
	ptrdiff_t balance;     /* objects taken from the depot and the slabs less those given: < 0, others' objects */
	_Atomic uint32_t previous_objects; /* shown to statistics, as `loaded` is */
	bool draining;   /* closed to frees until the next malloc: see drain_is_due in bin.c */
	bool was_dirty;  /* the last object that calloc took past the magazines had to be cleared */
};

/* A thread's bin for an object cache, and the slab that an object was last freed into: object_bin.h. */
struct object_bin {
	struct bin bin;
	uintptr_t first; /* its first object, or NO_SLAB */
	uint64_t key;    /* slab_key of the cache; UINT64_MAX, which is none, in object_bin_none */
	size_t span;     /* bytes from the first object to the end of the last one */
	struct side side;
} cache_line_aligned;

#define NO_SLAB ((uintptr_t)1 << 63) /* no pointer is close to it */

/* By id - CLASS_COUNT. What stands there without a bin of its own is object_bin_none, which is closed. */
struct object_table {
	size_t count;
	struct object_bin *bin[];
};

struct thread_cache {
	struct bin bin[CLASS_COUNT];
	struct side side[CLASS_COUNT];
	struct object_table *objects;
	struct lock objects_lock; /* RANK_OBJECTS: see object_bin.h */
	struct list_node node;
	size_t charged;
	unsigned hand; /* the class at which the search for room goes on */
	bool is_reaping; /* see object_slabs_reap_destructed */
	_Atomic unsigned busy; /* inside of a miss: the bins may be half changed. For exit in a signal handler */
};

/* The two words of thread-local storage; the second is self->objects, or an empty table where there is no cache. */
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

/* The magazine that a bin's top points into; NULL: it is closed. Relaxed: other threads look for statistics only. */
static inline struct magazine *bin_loaded(const struct side *side)
{
	return atomic_load_explicit(&side->loaded, memory_order_relaxed);
}

/* The two halves of any bin. */
static inline struct bin *bin_at(const struct thread_cache *cache, unsigned c)
{
	return likely(c < CLASS_COUNT) ? (struct bin *)(uintptr_t)&cache->bin[c] : &object_bin_at(cache, c)->bin;
}

static inline struct side *side_at(const struct thread_cache *cache, unsigned c)
{
	return likely(c < CLASS_COUNT) ? (struct side *)(uintptr_t)&cache->side[c] : &object_bin_at(cache, c)->side;
}

/*
 * What threads without a cache point at: one for "not yet", one for "no more". Never written, and never read but for
 * their
 * bins; all of those are alike, so the two overlap, shifted by one bin: half the relocations at start.
 */
extern const struct bin thread_cache_no_bins[CLASS_COUNT + 1];
#define THREAD_CACHE_NONE ((struct thread_cache *)(uintptr_t)thread_cache_no_bins)
#define THREAD_CACHE_ENDED ((struct thread_cache *)(uintptr_t)(thread_cache_no_bins + 1))

/* The empty assembly keeps gcc from computing the address twice, once for reading and once for writing. */
static always_inline struct bin *bin_of(unsigned size_class)
{
	struct bin *bin = &thread_cache_self->bin[size_class];
	__asm__("" : "+r"(bin));
	return bin;
}

/* The object that was freed last into a bin and is still there, or NULL. */
static inline void *bin_newest(const struct bin *bin) { return *atomic_load_explicit(&bin->top, memory_order_relaxed); }

/* Takes the newest object of a bin; NULL when its magazine is empty. */
static always_inline void *bin_pop(struct bin *bin)
{
	void **top = atomic_load_explicit(&bin->top, memory_order_relaxed);
	void *object = *top;
	if (unlikely(object == NULL))
		return NULL;
	atomic_store_explicit(&bin->top, top - 1, memory_order_relaxed);
	/* So that gcc loads it where malloc returns it, and keeps the bin elsewhere. It forgets that it is not NULL. */
	__asm__("" : "+r"(object));
	if (object == NULL)
		__builtin_unreachable();
	return object;
}

/* size_class_begins for the bin's class. */
static always_inline bool bin_offset_begins(const struct bin *bin, uint32_t offset)
{
	return offset * bin->magic < bin->begin_limit;
}

static always_inline bool bin_object_begins(const struct bin *bin, const void *object)
{
	return bin_offset_begins(bin, (uint32_t)(uintptr_t)object & bin->offset_mask);
}

/*
 * Puts an object into a bin. False when the magazine is full, no object begins at the address, or the newest object is
 * this very one: the slow path finds out which.
 */
static always_inline bool bin_push(struct bin *bin, void *object)
{
	void **top = atomic_load_explicit(&bin->top, memory_order_relaxed);
	if (unlikely(top == bin->limit) || unlikely(!bin_object_begins(bin, object)) || unlikely(*top == object))
		return false;
	top[1] = object;
	atomic_store_explicit(&bin->top, top + 1, memory_order_relaxed);
	return true;
}

/* This thread's cache, made if it has none yet; NULL when it is to do without, or there is no memory for one. */
struct thread_cache *thread_cache_get(void);

/*
 * The miss of malloc: an object of a class, from the other magazine, the depot or the slabs; NULL when out of memory.
 */
void *thread_cache_refill(unsigned size_class);

/* Tells that calloc took an object of a class past the magazines, and whether its memory was all zeros. */
void thread_cache_note_taken(unsigned size_class, bool zeroed);

/* True, once, after one that was not: the next ones will hardly be either, and come cheaper by the magazine. */
bool thread_cache_was_dirty(unsigned size_class);

/* The miss of free: takes a (valid, not yet free) object of a class. */
void thread_cache_overflow(unsigned size_class, void *object, const char *function);

/* Around every change of the bins but the fast path's. Relaxed: only signal handlers of the thread itself look. */
static inline void thread_cache_enter_miss(struct thread_cache *cache)
{
	atomic_fetch_add_explicit(&cache->busy, 1, memory_order_relaxed);
}
static inline void thread_cache_leave_miss(struct thread_cache *cache)
{
	atomic_fetch_sub_explicit(&cache->busy, 1, memory_order_relaxed);
}

/* Looks for double frees among this thread's objects, if it is not in the middle of a miss. Takes no lock. */
void thread_cache_verify(void);

/* This thread's objects go back to the slabs; the cache stays. */
void thread_cache_flush(void);

/* The same, and the thread does without a cache from now on. */
void thread_cache_end(void);

/* The same, but the thread may get a new cache at its next miss. */
void thread_cache_leave(void);

/* The number of threads that have a cache; objects of malloc's classes that stand in their magazines. */
size_t thread_cache_count(void);
void thread_cache_count_objects(size_t objects[CLASS_COUNT]);

/* Calls visit(cache, id) for each thread's cache, with threads_lock held: the sum of what it returns. */
size_t thread_cache_for_each(size_t (*visit)(struct thread_cache *cache, unsigned id), unsigned id);

/* The same for the caches of threads that a fork left behind, of which the child has a copy. */
void thread_cache_for_each_lost(void (*visit)(struct thread_cache *cache, unsigned id), unsigned id);

/* With threads_lock held: true if the test holds for the cache of a thread, or of one that a fork left behind. */
bool thread_cache_any(bool (*test)(const struct thread_cache *cache, unsigned id, const void *object), unsigned id,
		      const void *object);

/* With threads_lock held: acts on each thread's objects_lock. */
void thread_cache_for_each_lock(void (*act)(struct lock *));

/* In the child of fork: this thread's cache is the only one; what the others held is lost. */
void thread_cache_fork_child(void);

/* Arranges for thread_cache_end at thread exit: false when that cannot be. Implemented by control/thread_exit.c. */
bool thread_exit_arm(void);

/* True if no thread is to get a cache: every call must reach the slow path. Set by malloc/perturb.c. */
extern _Atomic bool thread_cache_disabled;

extern struct lock threads_lock;

void thread_cache_check(const struct thread_cache *cache);

#endif
