/*
 * object_bin.h - the magazines that a thread has for object caches: the bins of bin.h, made as they are needed.
 *
 *      object_table_self -> count
 *                           bin[id - CLASS_COUNT] -> top, limit, magic             as in malloc's bins
 *                                                    first, span, key              the slab last freed into
 *                                                    side                          the two magazines, charges
 *
 * lm_cache_alloc pops, lm_cache_free pushes: without a lock, as malloc and free do. What free takes from the page map,
 * that an object of this very cache begins at the pointer, is known here for the slab of the last object; for another
 * slab the page map is asked (slab_key), and that one is remembered. Such a slab may have gone since; then no right
 * pointer lies there, and a wrong one is found when the objects go to their slabs.
 *
 * Each miss holds the thread's objects_lock, so that another thread can take the magazines of a cache away that is to
 * be destroyed (object_bins_strip). Who asks for that promises that nobody uses the cache, so the fast path, which
 * takes no lock, does not meet it; the misses of other caches and of malloc, which close bins for room, may. Nothing of
 * the program's runs under the lock: constructors and destructors are called where slabs are made and given back, and
 * that is never inside of a miss (object_slabs.c).
 */
#ifndef LM_SLAB_OBJECT_BIN_H
#define LM_SLAB_OBJECT_BIN_H

#include "slab/slab.h"
#include "slab/thread_cache.h"

/* The miss of an allocation: NULL when the slabs that there are are full. */
void *object_bin_refill(unsigned id);

/* The miss of a free: takes an object. */
void object_bin_overflow(unsigned id, void *object, const char *function);

/* This thread's objects of one cache go to the slabs. */
void object_bin_flush(unsigned id);

/*
 * The objects of a cache in all threads' magazines; gives them all to the slabs (nobody uses the cache), in the child
 * of a fork also those of the threads that it has not.
 */
size_t object_bins_count(unsigned id);
void object_bins_strip(unsigned id);

/*
 * Locks out every miss of an object bin, in all threads: no magazine is exchanged. The fast paths still push and pop.
 */
void object_bins_lock(void);
void object_bins_unlock(void);

/*
 * With these locks held: true if the object of a cache stands in a thread's magazine. In the child of a fork the
 * magazines of threads that are not there count too.
 */
bool object_bins_hold(unsigned id, const void *object);

/* Closes all bins of object caches of a thread, this one; objects_lock is held, or not. */
void bins_close_objects_held(struct thread_cache *cache);
void bins_close_objects(struct thread_cache *cache);

void object_table_destroy(struct object_table *table);

/* The object of a cache that this thread freed last and that is still there, or NULL. */
static inline void *object_bin_newest(size_t index)
{
	const struct object_table *table = object_table_self;
	return index < table->count ? bin_newest(&table->bin[index]->bin) : NULL;
}

/*
 * Puts an object into a bin. False when the magazine is full, no object of the remembered slab begins there, or the
 * newest object is this one.
 */
static always_inline bool object_bin_push(struct object_bin *bin, void *object)
{
	uintptr_t offset = (uintptr_t)object - bin->first;
	if (unlikely(offset >= bin->span) || unlikely(!bin_offset_begins(&bin->bin, (uint32_t)offset)))
		return false;
	void **top = atomic_load_explicit(&bin->bin.top, memory_order_relaxed);
	if (unlikely(top == bin->bin.limit) || unlikely(*top == object))
		return false;
	top[1] = object;
	atomic_store_explicit(&bin->bin.top, top + 1, memory_order_relaxed);
	return true;
}

/* The same for an object of another slab, which is remembered. False too where the thread has no bin. */
static always_inline bool object_bin_push_elsewhere(size_t index, void *object)
{
	struct object_table *table = object_table_self;
	if (unlikely(index >= table->count))
		return false;
	struct object_bin *bin = table->bin[index];
	uintptr_t first = slab_first_of_key((uintptr_t)object & ~(uintptr_t)bin->bin.offset_mask, bin->key);
	if (unlikely(first == 0))
		return false;
	bin->first = first;
	return object_bin_push(bin, object);
}

#endif
