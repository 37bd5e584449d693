/*
 * object_bin.h - the magazines that a thread has for object caches: bins as in magazine/bins.h, made as needed.
 *
 *      object_table_self -> count
 *                           bin[id - CLASS_COUNT] -> top, limit, magic             as in malloc's bins
 *                                                    first, span, key              the slab last freed into
 *                                                    state                         the two magazines, charges
 *
 * lm_cache_alloc pops and lm_cache_free pushes without a lock, as malloc and free do. A push must know that an object
 * of this cache begins at the pointer. The bin knows this for the slab of the last object (first, span). For another
 * slab the page map is asked (slab_key), and that slab is remembered. The remembered slab may be gone: then no valid
 * pointer lies in it, and an invalid one is found when the objects go to their slabs.
 *
 * Each miss holds the thread's objects_lock. So another thread that destroys a cache can take its magazines away
 * (object_bins_strip). Nobody uses a cache that is being destroyed, so the fast path does not meet that thread and
 * takes no lock. The misses of other caches, and those of malloc, which close bins for room, may meet it. The program's
 * functions never run under the lock: constructors and destructors are called where slabs are made and given back,
 * which never happens inside a miss (object_slabs.h).
 */
#ifndef LM_OBJECT_OBJECT_BIN_H
#define LM_OBJECT_OBJECT_BIN_H

#include "magazine/thread_cache.h"
#include "slab/slab.h"

/* The miss of an allocation: NULL if all slabs of the cache are full. */
void *object_bin_refill(unsigned id);

/* The miss of a free: takes an object. */
void object_bin_overflow(unsigned id, void *object, const char *function);

/* Moves this thread's objects of one cache to the slabs. */
cold void object_bin_flush(unsigned id);

/* Counts the objects of a cache in all threads' magazines. */
cold size_t object_bins_count(unsigned id);

/*
 * Moves these objects to the slabs. Nobody uses the cache. In the child of a fork this includes the objects of threads
 * that exist in the parent only.
 */
cold void object_bins_strip(unsigned id);

/* Locks out all threads' misses of object bins: no magazine is exchanged. The fast paths still push and pop. */
cold void object_bins_lock(void);
cold void object_bins_unlock(void);

/* True if an object of a cache stands in a magazine that object_bins_strip would empty. object_bins_lock was called. */
cold bool object_bins_hold(unsigned id, const void *object);

/*
 * Puts an object into a bin. False if the magazine is full, no object of the remembered slab begins there, or the
 * newest object is this one.
 */
static always_inline bool object_bin_push(struct object_bin *bin, void *object)
{
	uintptr_t offset = (uintptr_t)object - bin->first;
	return likely(offset < bin->span) && bin_push(&bin->bin, object, (uint32_t)offset);
}

/* The same for an object of another slab, which is remembered. False also if the thread has no bin. */
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
