/*
 * cache_lists.h - which list of its cache a slab stands in, and the sums over all caches that follow from its pages:
 * for the files that move slabs (cache.c, cache_purge.c, object_slabs.c). cache.lock is held in all of it.
 */
#ifndef LM_SLAB_CACHE_LISTS_H
#define LM_SLAB_CACHE_LISTS_H

#include "base/bits.h"
#include "slab/cache.h"
#include "slab/object_cache.h"

/*
 * Over all caches: idle pages in the upper half, empty ones in the lower. One word, since threads meet there. Each
 * cache adds what has changed when its lock is released: its part is then what it has, so no half ever falls below
 * zero.
 */
extern _Atomic uint64_t cache_page_sums LM_HIDDEN;

static inline void cache_lock(struct cache *cache) { lock_acquire(&cache->lock, RANK_CACHE); }

static inline void cache_publish(struct cache *cache)
{
	if (cache->page_changes != 0) {
		atomic_fetch_add_explicit(&cache_page_sums, cache->page_changes, memory_order_relaxed);
		cache->page_changes = 0;
	}
}

static inline void cache_unlock(struct cache *cache)
{
	cache_publish(cache);
	lock_release(&cache->lock, RANK_CACHE);
}

static inline unsigned bucket_of(const struct slab *slab)
{
	if (slab->nfree == 0)
		return BUCKET_FULL;
	if (unlikely(slab->zone == ZONE_DMA32))
		return BUCKET_LOW;
	return slab->nfree * size_classes[slab->class].bucket_magic >> 16;
}

/* Full slabs are listed where somebody may ask for the live objects: in object caches. */
static inline bool is_listed(const struct cache *cache, unsigned bucket)
{
	return bucket != BUCKET_FULL || cache->kind != NULL;
}

/* In malloc's classes a slab that comes to be all free is unlinked at once. */
static inline void count_empty(struct cache *cache, unsigned from, unsigned to)
{
	if (unlikely(from == BUCKET_EMPTY || to == BUCKET_EMPTY))
		cache->kind->empty_slabs += (uint32_t)(to == BUCKET_EMPTY) - (uint32_t)(from == BUCKET_EMPTY);
}

static inline void slab_list(struct cache *cache, struct slab *slab, unsigned bucket)
{
	if (is_listed(cache, bucket))
		list_push_front(&cache->list[bucket], &slab->listed);
	slab->bucket = (uint8_t)bucket;
}

static inline void relist_bucket(struct cache *cache, struct slab *slab)
{
	unsigned bucket = bucket_of(slab);
	if (bucket == slab->bucket)
		return;
	if (is_listed(cache, slab->bucket))
		list_remove(&cache->list[slab->bucket], &slab->listed);
	count_empty(cache, slab->bucket, bucket);
	slab_list(cache, slab, bucket);
}

static inline void relist_purgeable(struct cache *cache, struct slab *slab, bool is_purgeable)
{
	if (is_purgeable == slab->is_purgeable)
		return;
	slab->is_purgeable = is_purgeable;
	if (is_purgeable)
		list_push_back(&cache->purgeable, &slab->purgeable);
	else
		list_remove(&cache->purgeable, &slab->purgeable);
}

/* A slab's part of cache_page_sums, from its slab_page_state. */
static inline uint64_t sums_of(uint64_t state)
{
	return (uint64_t)count_bits((state >> 32) & (uint32_t)state) << 32 | count_bits(state >> 32);
}

/* The sums follow this slab's pages, from slab_page_state `before`. */
static inline void recount(struct cache *cache, uint64_t before, uint64_t after)
{
	cache->page_changes += sums_of(after) - sums_of(before);
}

/* Puts the slab where its counts now say: after every change of it. `before` is its slab_page_state from before. */
static inline void slab_relist(struct cache *cache, struct slab *slab, uint64_t before)
{
	uint64_t after = slab_page_state(slab);
	relist_bucket(cache, slab);
	if (likely(after == before))
		return;
	recount(cache, before, after);
	relist_purgeable(cache, slab, slab_idle_pages(slab) != 0);
}

/* Takes in a slab that was just made: all of its objects are free. */
static inline void slab_link(struct cache *cache, struct slab *slab)
{
	unsigned bucket = bucket_of(slab);
	cache->slabs++;
	count_empty(cache, BUCKET_COUNT, bucket);
	slab_list(cache, slab, bucket);
	recount(cache, 0, slab_page_state(slab));
	relist_purgeable(cache, slab, slab_idle_pages(slab) != 0);
}

/* Takes an all-free slab off the lists. It still counts as one of the cache's. */
static inline void slab_unlist(struct cache *cache, struct slab *slab)
{
	if (unlikely(cache->kind != NULL))
		slab_hide(slab);
	list_remove(&cache->list[slab->bucket], &slab->listed);
	count_empty(cache, slab->bucket, BUCKET_COUNT);
	relist_purgeable(cache, slab, false);
	recount(cache, slab_page_state(slab), 0);
}

static inline void slab_unlink(struct cache *cache, struct slab *slab)
{
	slab_unlist(cache, slab);
	cache->slabs--;
}

/* The objects that are out: under the lock, so no atomic addition is needed. */
static inline void count_out(struct cache *cache, size_t more)
{
	size_t out = atomic_load_explicit(&cache->objects_out, memory_order_relaxed);
	atomic_store_explicit(&cache->objects_out, out + more, memory_order_relaxed);
}

#endif
