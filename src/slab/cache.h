/*
 * cache.h - all slabs of one size class or object cache (the kernel's kmem_cache), and the depot of its magazines.
 *
 *      thread caches <-> depot: full magazines, exchanged whole        depot.lock, RANK_DEPOT
 *                          |
 *                        slabs: list[0..3] by how much is free         cache.lock, RANK_CACHE
 *                          |
 *                        pages (page/zone.h)
 *
 * Slabs: partial ones stand in the bucket of their free share, and objects are taken from the fullest, so that the
 * others empty out. In malloc's classes full ones are on no list, and an empty one goes back to the buddy at once. In
 * object caches full ones are listed, and some empty ones are kept (object_cache.h). Partial ones of ZONE_DMA32 have a
 * list for themselves, list[BUCKET_LOW]: only who asks for them is served from there. An object of theirs that is freed
 * may still go through the magazines to who did not ask.
 *
 * Invariant (cache_check): objects out = sum over slabs of (objects - nfree); a slab that is listed is in
 * list[bucket_of(slab)]; a slab with idle pages is in purgeable. In an object cache, slabs = those in list[] + those in
 * leaving.
 */
#ifndef LM_SLAB_CACHE_H
#define LM_SLAB_CACHE_H

#include "base/lock.h"
#include "slab/magazine.h"
#include "slab/slab.h"

enum bucket {
	PARTIAL_BUCKETS = 4, /* 0 to 3: less than so many quarters, and one, are free */
	BUCKET_EMPTY = PARTIAL_BUCKETS,
	BUCKET_LOW, /* below 4 GiB, whatever is free */
	BUCKET_FULL,
	BUCKET_COUNT,
};

struct object_kind;

struct depot {
	struct lock lock;
	_Atomic uint32_t nfull; /* read without the lock as a hint */
	uint32_t nfull_min; /* the fewest there were since `operations` was last 0: what was not needed */
	uint32_t operations;
	_Atomic uint32_t credits; /* magazines that may come in; both are read without the lock as hints */
	const struct thread_cache *_Atomic giver; /* the thread that last had one to give. Only compared */
	struct magazine *full;
	_Atomic size_t objects; /* in the full magazines; read by statistics */
} cache_line_aligned;

struct cache {
	struct lock lock;
	uint32_t slabs;
	struct list list[BUCKET_COUNT];
	struct list purgeable;
	struct list leaving;      /* slabs on their way out, which still count (object_slabs.c) */
	struct object_kind *kind; /* of an object cache; NULL: a size class of malloc */
	uint64_t page_changes; /* to be added to the sums over all caches when the lock is released */
	_Atomic size_t objects_out; /* taken from slabs: live, or in magazines. Read without the lock as a hint */
	struct depot depot;
} cache_line_aligned;

extern struct cache caches[ID_COUNT];

/*
 * Takes up to `count` objects from the slabs of a class: how many. 0 when out of memory, and in an object cache when
 * all slabs that there are are full.
 */
size_t cache_alloc(unsigned size_class, void **objects, size_t count);

/* The same, of small objects that have their cache lines for themselves: fours of them, where 4 or more are wanted. */
size_t cache_alloc_lines(unsigned size_class, void **objects, size_t count);

/* Takes one object from a slab that there is; NULL when all are full. */
void *cache_alloc_existing(unsigned size_class);

/* Takes one object; *zeroed tells that its memory is all zeros. NULL when out of memory. */
void *cache_alloc_one(unsigned size_class, bool *zeroed);

/*
 * The same past all magazines: of ZONE_DMA32 (CACHE_LOW); or from the slab with the most free objects, which is the
 * least in use (CACHE_COLD). With PAGES_QUIET no system call is made and nobody is waited for: NULL too where another
 * thread is just at the class, or a signal handler has interrupted one that is.
 */
enum cache_part { CACHE_ANY, CACHE_COLD, CACHE_LOW };
void *cache_alloc_part(unsigned size_class, enum cache_part part, enum page_how how, bool *zeroed);

/* The same with PAGES_QUIET, of a slab that there is. */
void *cache_take_quietly(unsigned size_class);

/* Gives objects back to their slabs; a double free is reported as of `function`. May purge. */
void cache_free(unsigned size_class, void **objects, size_t count, const char *function);

struct thread_cache;

/* A full magazine for the thread `self`; NULL: do without. */
struct magazine *depot_pop(unsigned size_class, const struct thread_cache *self);

/*
 * True if a full magazine of the thread `self` would be taken in, of objects that others or itself allocated; and takes
 * it in.
 */
enum depot_origin { DEPOT_OF_OTHERS, DEPOT_OWN };
bool depot_wants(unsigned size_class, const struct thread_cache *self, enum depot_origin origin);
void depot_push(unsigned size_class, struct magazine *full);

/* Takes a magazine that the depot has not needed for a while; NULL when there is none. */
struct magazine *depot_pop_surplus(unsigned size_class);

/* True if the object stands in one of the depot's magazines. */
bool depot_holds(unsigned size_class, const void *object);

/* Bytes of objects in all depots. */
size_t depot_bytes(void);

/* Empties depots into the slabs: of one class, of all of malloc's, of all object caches (purge_lock is held). */
void depot_drain(unsigned size_class);
void depot_drain_all(void);
void depot_drain_objects(void);

/* Pages inside partly used slabs that hold frames for nothing, over all caches. */
size_t cache_idle_pages(void);

/* Pages inside partly used slabs under no taken object, with frames or without. */
size_t cache_empty_pages(void);

/* Purges idle pages of one class until at most `keep_pages` are left over all classes: how many. No lock is held. */
size_t cache_purge(unsigned size_class, size_t keep_pages);

/* Slabs that are on their way out, and still count. cache.lock is held. */
uint32_t cache_count_leaving(const struct cache *cache);

void cache_check(unsigned size_class);

#endif
