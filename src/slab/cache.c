/* cache.c - the lists and counts of a cache follow each change of a slab. */
#include "slab/cache.h"

#include "base/bits.h"
#include "os/map.h"
#include "os/report.h"

enum { KEPT_MIN = 8, KEPT_SHIFT = 2 }; /* empty slabs of an object cache: this many, or 1/2^KEPT_SHIFT of all */

struct cache caches[ID_COUNT];

/*
 *      bit 63        32 31         0
 *         [ idle pages | empty pages ]     over all caches. One word, since threads meet there; relaxed.
 *
 * A cache adds its changes when its lock is released. The sum of all changes of a cache is its count at that moment, so
 * neither half becomes negative.
 */
static _Atomic uint64_t page_sums;

static uint64_t sums(void) { return load_relaxed(&page_sums); }

size_t cache_idle_pages(void) { return sums() >> 32; }
size_t cache_empty_pages(void) { return (uint32_t)sums(); }

void cache_publish(struct cache *cache)
{
	if (cache->page_changes != 0) {
		add_relaxed(&page_sums, cache->page_changes);
		cache->page_changes = 0;
	}
}

void cache_unlock(struct cache *cache)
{
	cache_publish(cache);
	lock_release(&cache->lock, RANK_CACHE);
}

uint32_t cache_kept_slabs(const struct cache *cache)
{
	return (uint32_t)size_max(cache->slabs >> KEPT_SHIFT, KEPT_MIN);
}

/* Full slabs are listed if somebody may ask for the live objects: in object caches. */
static bool is_listed(const struct cache *cache, unsigned bucket)
{
	return bucket < BUCKET_FULL || (bucket == BUCKET_FULL && cache->kind != NULL);
}

/* From slab->bucket to another one; BUCKET_COUNT: none. */
static void change_bucket(struct cache *cache, struct slab *slab, unsigned to)
{
	unsigned from = slab->bucket;
	if (from == to)
		return;
	if (is_listed(cache, from))
		list_remove(&cache->list[from], &slab->listed);
	if (is_listed(cache, to))
		list_push_front(&cache->list[to], &slab->listed);
	cache->empty_slabs += (uint32_t)(to == BUCKET_EMPTY) - (uint32_t)(from == BUCKET_EMPTY);
	slab->bucket = (uint8_t)to;
}

void slab_set_purgeable(struct cache *cache, struct slab *slab, enum purgeable purgeable)
{
	if (slab->is_purgeable == (purgeable == PURGEABLE))
		return;
	slab->is_purgeable = purgeable == PURGEABLE;
	if (slab->is_purgeable)
		list_push_back(&cache->purgeable, &slab->purgeable);
	else
		list_remove(&cache->purgeable, &slab->purgeable);
}

/* A slab's part of page_sums, from its slab_page_state: how many pages are empty and dirty, how many are empty. */
static uint64_t sums_of(uint64_t state)
{
	return count_bits_of_halves((state >> 32 & state) << 32 | state >> 32);
}

/* The sums and the list of purgeable slabs follow the slab's slab_page_state; 0: it is not in the cache. */
static void change_pages(struct cache *cache, struct slab *slab, uint64_t before, uint64_t after)
{
	cache->page_changes += sums_of(after) - sums_of(before);
	slab_set_purgeable(cache, slab, (uint32_t)(after >> 32 & after) != 0 ? PURGEABLE : PURGEABLE_NOT);
}

void slab_relist_changed(struct cache *cache, struct slab *slab, uint64_t before)
{
	change_bucket(cache, slab, slab_bucket(slab));
	change_pages(cache, slab, before, slab_page_state(slab));
}

void slab_link(struct cache *cache, struct slab *slab)
{
	cache->slabs++;
	slab->bucket = BUCKET_COUNT;
	slab_relist_changed(cache, slab, 0);
}

void slab_unlist(struct cache *cache, struct slab *slab)
{
	if (unlikely(cache->kind != NULL))
		slab_hide(slab);
	change_bucket(cache, slab, BUCKET_COUNT);
	change_pages(cache, slab, slab_page_state(slab), 0);
}

void slab_unlink(struct cache *cache, struct slab *slab)
{
	slab_unlist(cache, slab);
	cache->slabs--;
}

void cache_unlock_and_drop_empty(struct cache *cache, struct slab *slab)
{
	bool is_surplus = cache->kind == NULL || cache->empty_slabs > cache_kept_slabs(cache);
	bool is_dropped = slab_is_empty(slab) && is_surplus;
	if (is_dropped)
		slab_unlink(cache, slab);
	cache_unlock(cache);
	if (is_dropped)
		slab_destroy(slab);
}

uint32_t cache_count_leaving(const struct cache *cache)
{
	uint32_t count = 0;
	for (const struct list_node *node = cache->leaving.first; node != NULL; node = node->next)
		count++;
	return count;
}

#ifdef LM_DEBUG
/* The slabs in `purgeable`, which all say so. cache.lock is held. */
static uint32_t count_purgeable(const struct cache *cache)
{
	uint32_t count = 0;
	for (struct list_node *node = cache->purgeable.first; node != NULL; node = node->next, count++)
		if (!list_entry(node, struct slab, purgeable)->is_purgeable)
			report_internal("cache: a slab is listed as purgeable and does not say so");
	return count;
}

void cache_check(unsigned size_class)
{
	struct cache *cache = &caches[size_class];
	cache_lock(cache);
	uint32_t empty = 0, listed = 0, flagged = 0;
	size_t out = 0;
	bool is_reserved = false;
	for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++) {
		for (struct list_node *node = cache->list[bucket].first; node != NULL; node = node->next) {
			struct slab *slab = list_entry(node, struct slab, listed);
			slab_check(slab);
			listed++;
			empty += bucket == BUCKET_EMPTY;
			out += size_classes[size_class].objects - slab->nfree;
			is_reserved |= slab->is_reserved;
			if (slab->bucket != bucket || slab_bucket(slab) != bucket || slab->class != size_class)
				report_internal("cache: a slab is in the wrong list");
			if (slab->is_purgeable ? slab_idle_pages(slab) == 0
					       : slab_idle_pages(slab) != 0 && os_page_size() == PAGE_BYTES)
				report_internal("cache: a slab is wrongly purgeable or not");
			flagged += slab->is_purgeable;
		}
	}
	if (flagged > count_purgeable(cache))
		report_internal("cache: a purgeable slab is not listed as such");
	if (empty != cache->empty_slabs)
		report_internal("cache: the empty slabs are counted wrongly");
	if (cache->kind != NULL && cache->slabs != listed + cache_count_leaving(cache))
		report_internal("cache: the slabs are counted wrongly");
	if (cache->kind != NULL && !is_reserved && out != cache_objects_out(size_class))
		report_internal("cache: the objects are counted wrongly");
	cache_unlock(cache);
}

/* Full slabs have no empty pages, and the lists of malloc's classes lack only those. */
void caches_check_sums(void)
{
	uint64_t sum = 0;
	for (unsigned id = 0; id < ID_COUNT; id++)
		lock_acquire_unranked(&caches[id].lock);
	for (unsigned id = 0; id < ID_COUNT; id++)
		for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++)
			for (struct list_node *node = caches[id].list[bucket].first; node != NULL; node = node->next)
				sum += sums_of(slab_page_state(list_entry(node, struct slab, listed)));
	bool is_right = sum == sums();
	for (unsigned id = ID_COUNT; id-- > 0;)
		lock_release_unranked(&caches[id].lock);
	if (!is_right)
		report_internal("cache: the pages of all caches are counted wrongly");
}
#endif
