/*
 * cache.h - all slabs of one size class or object cache (the kernel's kmem_cache): which list each stands in.
 *
 *      who takes and gives objects
 *          |
 *      slabs: list[0..3] by how much is free         cache.lock, RANK_CACHE
 *          |
 *      pages (page/page_alloc.h)
 *
 * Objects are taken and given back in cache_alloc.h, pages inside slabs are given back in reclaim.h.
 *
 * Partial slabs stand in the bucket of their free share. Objects are taken from the fullest, so that the others empty
 * out. In malloc's classes full slabs are on no list, and an empty one goes back to the buddy at once. In object caches
 * full slabs are listed, and some empty ones are kept (cache_kept_slabs). Partial slabs of ZONE_DMA32 have a list of
 * their own, from which only requests for such memory are served; a freed object of theirs may still go through the
 * magazines to another request.
 *
 * Invariant (cache_check): a slab that is listed is in list[slab_bucket(slab)]; a slab in `purgeable` has idle pages,
 * and where the system's pages have 4 KiB, a slab with idle pages is in `purgeable` (else they may be too short to be
 * purged); empty_slabs = the slabs in list[BUCKET_EMPTY]. In an object cache, slabs = list[] + leaving, and
 * objects_out = the sum over these slabs of (objects - nfree), but for what a purger has reserved.
 * Over all caches (caches_check_sums): cache_idle_pages = the sum over slabs of the pages that are empty and dirty,
 * cache_empty_pages = of the pages that are empty.
 */
#ifndef LM_SLAB_CACHE_H
#define LM_SLAB_CACHE_H

#include "base/list.h"
#include "os/lock.h"
#include "slab/slab.h"

enum bucket {
	PARTIAL_BUCKETS = 4, /* bucket i of 0 to 3: about i/4 to (i + 1)/4 of the objects are free */
	BUCKET_EMPTY = PARTIAL_BUCKETS,
	BUCKET_LOW, /* below 4 GiB, whatever is free */
	BUCKET_FULL,
	BUCKET_COUNT, /* of a slab: in none */
};

struct object_kind;

/*
 * `lock` guards all of it. `kind` is written under object_caches_lock as well, and a thread reads it with either lock,
 * or with neither if it uses the cache: it changes only when nobody does.
 */
struct cache {
	struct lock lock;
	uint32_t slabs;
	struct list list[BUCKET_COUNT];
	struct list purgeable;
	struct list leaving;      /* slabs of an object cache on their way out, which still count */
	struct object_kind *kind; /* what an object cache has besides; NULL: a size class of malloc */
	uint32_t empty_slabs;
	bool has_destructor;        /* empty slabs go only where the program may be called */
	uint64_t page_changes;      /* for the sums over all caches (cache_publish) */
	_Atomic size_t objects_out; /* taken from slabs: live, or in magazines. Read without the lock as a hint */
} cache_line_aligned;

extern struct cache caches[ID_COUNT] LM_HIDDEN;

static inline void cache_lock(struct cache *cache) { lock_acquire(&cache->lock, RANK_CACHE); }

/* Adds page_changes to the sums over all caches. cache_unlock does so too, and releases the lock. */
void cache_publish(struct cache *cache);
void cache_unlock(struct cache *cache);

/* For the files that move slabs; cache.lock is held. */

/* Takes in a slab that was just made: all of its objects are free. */
void slab_link(struct cache *cache, struct slab *slab);

/* The list that the slab belongs in. */
static inline unsigned slab_bucket(const struct slab *slab)
{
	if (slab->nfree == 0)
		return BUCKET_FULL;
	if (unlikely(slab->zone == ZONE_DMA32))
		return BUCKET_LOW;
	return slab->nfree * size_classes[slab->class].bucket_magic >> 16;
}

/* Lists a slab anew: after each change of it. `before` is its slab_page_state from before. */
void slab_relist_changed(struct cache *cache, struct slab *slab, uint64_t before);
static inline void slab_relist(struct cache *cache, struct slab *slab, uint64_t before)
{
	if (slab_page_state(slab) != before || slab_bucket(slab) != slab->bucket)
		slab_relist_changed(cache, slab, before);
}

/* Lists the slab as purgeable, last, or not. */
enum purgeable { PURGEABLE_NOT, PURGEABLE };
void slab_set_purgeable(struct cache *cache, struct slab *slab, enum purgeable purgeable);

/* Take an all-free slab off the lists. slab_unlist: it still counts as one of the cache's. */
cold void slab_unlist(struct cache *cache, struct slab *slab);
void slab_unlink(struct cache *cache, struct slab *slab);

/* Releases the lock; destroys the slab if it is all free, unless it is one of those that an object cache keeps. */
void cache_unlock_and_drop_empty(struct cache *cache, struct slab *slab);

/* How many empty slabs an object cache keeps: the larger of 8 and a quarter of its slabs. */
uint32_t cache_kept_slabs(const struct cache *cache);

/* Counts `more` objects as taken. Under the lock, so no atomic addition is needed. */
static inline void cache_count_out(struct cache *cache, size_t more)
{
	size_t out = load_relaxed(&cache->objects_out);
	store_relaxed(&cache->objects_out, out + more);
}

/* For all others. Slabs that are on their way out and still count; cache.lock is held. */
cold uint32_t cache_count_leaving(const struct cache *cache);

static inline size_t cache_objects_out(unsigned size_class)
{
	return load_relaxed(&caches[size_class].objects_out);
}

/* Pages inside partly used slabs under no taken object, over all caches: those that have frames, and all of them. */
size_t cache_idle_pages(void);
size_t cache_empty_pages(void);

/* Test the invariants; report an internal error. */
cold void cache_check(unsigned size_class);
cold void caches_check_sums(void);

#endif
