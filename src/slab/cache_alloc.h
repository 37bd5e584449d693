/*
 * cache_alloc.h - objects out of the slabs of a cache and back.
 *
 * Called without any lock of rank RANK_CACHE or above. Each function takes cache.lock.
 */
#ifndef LM_SLAB_CACHE_ALLOC_H
#define LM_SLAB_CACHE_ALLOC_H

#include "slab/cache.h"

/*
 * Takes up to `count` objects from the slabs of a class: how many. 0 when out of memory, and in an object cache when
 * all of its slabs are full.
 */
size_t cache_alloc(unsigned size_class, void **objects, size_t count);

/* The same of small objects that share no cache line with others: fours of them, if 4 or more are wanted. */
cold size_t cache_alloc_lines(unsigned size_class, void **objects, size_t count);

/* Which slabs may give an object. A new one is made if none can, but not with CACHE_EXISTING or in an object cache. */
enum cache_part {
	CACHE_ANY,
	CACHE_EXISTING,
	CACHE_COLD, /* first the slab with the most free objects, which is the least in use */
	CACHE_LOW,  /* of ZONE_DMA32 */
};

/*
 * Takes one object, or NULL. *zeroed tells that its memory is all zeros. With PAGES_QUIET no system call is made, and
 * nobody is waited for: NULL also if another thread is at the class, or a signal handler has interrupted one that is.
 */
void *cache_alloc_part(unsigned size_class, enum cache_part part, enum page_how how, bool *zeroed);

static inline void *cache_alloc_one(unsigned size_class, bool *zeroed)
{
	return cache_alloc_part(size_class, CACHE_ANY, PAGES_GROW, zeroed);
}

static inline void *cache_alloc_single(unsigned size_class) { return cache_alloc_one(size_class, &(bool){false}); }

/*
 * Gives objects back to their slabs. A double free is noted, as of `function`: the caller reports it (report_noted)
 * when it holds no lock. The object, and those of its slab that follow it, stay out.
 */
void cache_free(unsigned size_class, void **objects, size_t count, const char *function);

#endif
