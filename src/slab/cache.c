/*
 * cache.c - objects out of slabs and back (see cache.h).
 *
 * No page is allocated, freed or purged while cache.lock is held: a new slab is made before the lock is taken again,
 * and empty ones are unlinked under the lock and destroyed after it.
 */
#include "slab/cache.h"

#include "base/report.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/purge.h"
#include "slab/reclaim.h"

#include <string.h>

enum {
	FREE_BATCH = 128, /* objects put back under one hold of the lock: a microsecond or two */
	REFUSALS_MAX = 4, /* slabs that the kernel may refuse to purge before a round ends */
};

struct cache caches[CLASS_COUNT];

/*
 * Over all caches: idle pages in the upper half, empty ones in the lower. One word, since threads meet there. Each
 * cache adds what has changed when its lock is released: its part is then what it has, so no half ever falls below
 * zero.
 */
static _Atomic uint64_t page_sums;

static uint64_t sums(void) { return atomic_load_explicit(&page_sums, memory_order_relaxed); }

size_t cache_idle_pages(void) { return sums() >> 32; }
size_t cache_empty_pages(void) { return (uint32_t)sums(); }

static void cache_lock(struct cache *cache) { lock_acquire(&cache->lock, RANK_CACHE); }

static void publish(struct cache *cache)
{
	if (cache->page_changes != 0) {
		atomic_fetch_add_explicit(&page_sums, cache->page_changes, memory_order_relaxed);
		cache->page_changes = 0;
	}
}

static void cache_unlock(struct cache *cache)
{
	publish(cache);
	lock_release(&cache->lock, RANK_CACHE);
}

static unsigned bucket_of(const struct slab *slab)
{
	if (slab->nfree == 0)
		return BUCKET_NONE;
	if (unlikely(slab->zone == ZONE_DMA32))
		return BUCKET_LOW;
	return slab->nfree * size_classes[slab->class].bucket_magic >> 16;
}

static void relist_bucket(struct cache *cache, struct slab *slab)
{
	unsigned bucket = bucket_of(slab);
	if (bucket == slab->bucket)
		return;
	if (slab->bucket != BUCKET_NONE)
		list_remove(&cache->partial[slab->bucket], &slab->partial);
	if (bucket != BUCKET_NONE)
		list_push_front(&cache->partial[bucket], &slab->partial);
	slab->bucket = (uint8_t)bucket;
}

static void relist_purgeable(struct cache *cache, struct slab *slab, bool is_purgeable)
{
	if (is_purgeable == slab->is_purgeable)
		return;
	slab->is_purgeable = is_purgeable;
	if (is_purgeable)
		list_push_back(&cache->purgeable, &slab->purgeable);
	else
		list_remove(&cache->purgeable, &slab->purgeable);
}

/* A slab's part of page_sums, from its slab_page_state. */
static uint64_t sums_of(uint64_t state)
{
	return (uint64_t)count_bits((state >> 32) & (uint32_t)state) << 32 | count_bits(state >> 32);
}

/* The sums follow this slab's pages, from slab_page_state `before`. */
static void recount(struct cache *cache, uint64_t before, uint64_t after)
{
	cache->page_changes += sums_of(after) - sums_of(before);
}

/* Puts the slab where its counts now say: after every change of it. `before` is its slab_page_state from before. */
static void slab_relist(struct cache *cache, struct slab *slab, uint64_t before)
{
	uint64_t after = slab_page_state(slab);
	relist_bucket(cache, slab);
	if (likely(after == before))
		return;
	recount(cache, before, after);
	relist_purgeable(cache, slab, slab_idle_pages(slab) != 0);
}

static void slab_link(struct cache *cache, struct slab *slab)
{
	slab->bucket = BUCKET_NONE;
	cache->slabs++;
	slab_relist(cache, slab, 0);
}

static void slab_unlink(struct cache *cache, struct slab *slab)
{
	list_remove(&cache->partial[slab->bucket], &slab->partial);
	relist_purgeable(cache, slab, false);
	recount(cache, slab_page_state(slab), 0);
	cache->slabs--;
}

static struct slab *fullest_partial(const struct cache *cache)
{
	for (unsigned bucket = 0; bucket < PARTIAL_BUCKETS; bucket++)
		if (!list_is_empty(&cache->partial[bucket]))
			return list_entry(cache->partial[bucket].first, struct slab, partial);
	return NULL;
}

/* Under the lock: no atomic addition is needed. */
static void count_out(struct cache *cache, size_t more)
{
	size_t out = atomic_load_explicit(&cache->objects_out, memory_order_relaxed);
	atomic_store_explicit(&cache->objects_out, out + more, memory_order_relaxed);
}

/* The lowest address stands last, as slab_take has it. cache.lock is held. */
static size_t take_from_slabs(struct cache *cache, void **objects, size_t count)
{
	size_t left = count;
	struct slab *slab;
	while (left > 0 && (slab = fullest_partial(cache)) != NULL) {
		uint64_t before = slab_page_state(slab);
		left -= slab_take(slab, objects, left);
		slab_relist(cache, slab, before);
	}
	if (unlikely(left > 0))
		memmove(objects, objects + left, (count - left) * sizeof *objects);
	count_out(cache, count - left);
	return count - left;
}

/* From the slab that is most likely to have whole lines; fewer than make up a line, from any. cache.lock is held. */
static size_t take_lines(struct cache *cache, void **objects, size_t wanted)
{
	size_t count = round_down(wanted, 4);
	if (count == 0)
		return take_from_slabs(cache, objects, wanted);
	for (unsigned bucket = PARTIAL_BUCKETS; bucket-- > 0;) {
		if (list_is_empty(&cache->partial[bucket]))
			continue;
		struct slab *slab = list_entry(cache->partial[bucket].first, struct slab, partial);
		uint64_t before = slab_page_state(slab);
		size_t taken = slab_take_lines(slab, objects, count);
		slab_relist(cache, slab, before);
		if (taken > 0) {
			memmove(objects, objects + (count - taken), taken * sizeof *objects);
			count_out(cache, taken);
			return taken;
		}
	}
	return 0;
}

/* Makes a slab, links it, and returns it with cache.lock held; or returns NULL without the lock. */
static struct slab *grow_and_lock(struct cache *cache, unsigned size_class, enum zone_id zone)
{
	struct slab *slab = slab_create_from(size_class, zone, PAGES_GROW);
	if (slab == NULL)
		return NULL;
	cache_lock(cache);
	slab_link(cache, slab);
	return slab;
}

/*
 * Releases cache.lock. Another thread may have made a slab too, and what was wanted have come from that: then ours
 * goes.
 */
static void unlock_and_drop_unused(struct cache *cache, struct slab *made)
{
	bool unused = slab_is_empty(made);
	if (unused)
		slab_unlink(cache, made);
	cache_unlock(cache);
	if (unused)
		slab_destroy(made);
}

/* How objects are taken from a cache; cache.lock is held. */
typedef size_t take_function(struct cache *cache, void **objects, size_t count);

static inline size_t alloc_by(take_function *take, unsigned size_class, void **objects, size_t count)
{
	struct cache *cache = &caches[size_class];
	cache_lock(cache);
	size_t taken = take(cache, objects, count);
	cache_unlock(cache);
	if (taken > 0)
		return taken;
	struct slab *made = grow_and_lock(cache, size_class, ZONE_HEAP);
	if (made == NULL)
		return 0;
	taken = take(cache, objects, count);
	unlock_and_drop_unused(cache, made);
	return taken;
}

size_t cache_alloc(unsigned size_class, void **objects, size_t count)
{
	return alloc_by(take_from_slabs, size_class, objects, count);
}

size_t cache_alloc_lines(unsigned size_class, void **objects, size_t count)
{
	return alloc_by(take_lines, size_class, objects, count);
}

void *cache_alloc_existing(unsigned size_class)
{
	struct cache *cache = &caches[size_class];
	void *object;
	cache_lock(cache);
	size_t taken = take_from_slabs(cache, &object, 1);
	cache_unlock(cache);
	return taken == 1 ? object : NULL;
}

static struct slab *emptiest_partial(const struct cache *cache)
{
	for (unsigned bucket = PARTIAL_BUCKETS; bucket-- > 0;)
		if (!list_is_empty(&cache->partial[bucket]))
			return list_entry(cache->partial[bucket].last, struct slab, partial);
	return NULL;
}

static struct slab *partial_of(const struct cache *cache, enum cache_part part)
{
	if (part == CACHE_ANY)
		return fullest_partial(cache);
	if (part == CACHE_COLD)
		return emptiest_partial(cache);
	struct list_node *first = cache->partial[BUCKET_LOW].first;
	return first == NULL ? NULL : list_entry(first, struct slab, partial);
}

static enum zone_id zone_of(enum cache_part part) { return part == CACHE_LOW ? ZONE_DMA32 : ZONE_HEAP; }

/* Takes an object of a slab that has one; cache.lock is held. */
static void *take_one(struct cache *cache, struct slab *slab, bool *zeroed)
{
	uint64_t before = slab_page_state(slab);
	void *object = slab_take_one(slab, zeroed);
	slab_relist(cache, slab, before);
	count_out(cache, 1);
	return object;
}

static void *alloc_part(unsigned size_class, enum cache_part part, bool *zeroed)
{
	struct cache *cache = &caches[size_class];
	cache_lock(cache);
	struct slab *slab = partial_of(cache, part);
	if (slab != NULL) {
		void *object = take_one(cache, slab, zeroed);
		cache_unlock(cache);
		return object;
	}
	cache_unlock(cache);
	struct slab *made = grow_and_lock(cache, size_class, zone_of(part));
	if (made == NULL)
		return NULL;
	void *object = take_one(cache, partial_of(cache, part), zeroed);
	unlock_and_drop_unused(cache, made);
	return object;
}

void *cache_alloc_one(unsigned size_class, bool *zeroed) { return alloc_part(size_class, CACHE_ANY, zeroed); }

/* A slab that is made here is used here: giving it back would be a matter of waiting. */
static void *alloc_quietly(unsigned size_class, enum cache_part part, bool *zeroed)
{
	struct cache *cache = &caches[size_class];
	if (!lock_try_quiet(&cache->lock))
		return NULL;
	struct slab *slab = partial_of(cache, part);
	if (slab == NULL) {
		slab = slab_create_from(size_class, zone_of(part), PAGES_QUIET);
		if (slab != NULL)
			slab_link(cache, slab);
	}
	void *object = slab == NULL ? NULL : take_one(cache, slab, zeroed);
	publish(cache);
	lock_release_quiet(&cache->lock);
	return object;
}

void *cache_alloc_part(unsigned size_class, enum cache_part part, enum page_how how, bool *zeroed)
{
	return how == PAGES_QUIET ? alloc_quietly(size_class, part, zeroed) : alloc_part(size_class, part, zeroed);
}

static void prefetch_slab(const struct slab *slab)
{
	if (unlikely(slab == NULL))
		return;
	__builtin_prefetch(slab, 1);
	__builtin_prefetch(slab->free, 1);
}

/* Neighbours in a magazine that lie in one slab; NULL where there is no slab of the class. */
struct group {
	struct slab *slab;
	size_t end; /* index behind its last object */
};

/*
 * Splits `count` objects into groups: how many. The descriptors are then on their way to the CPU; objects that were
 * freed in random order would wait for memory one after the other else. cache.lock is held.
 */
static size_t find_groups(unsigned size_class, void *const *objects, size_t count, struct group *groups)
{
	size_t slab_bytes = (size_t)size_classes[size_class].pages << PAGE_SHIFT;
	size_t ngroups = 0;
	for (size_t i = 0; i < count; groups[ngroups++].end = i) {
		uintptr_t base = slab_base_of((uintptr_t)objects[i], size_class);
		struct slab *slab = slab_of((uintptr_t)objects[i], size_class);
		prefetch_slab(slab);
		groups[ngroups].slab = slab;
		do
			i++;
		while (i < count && (uintptr_t)objects[i] - base < slab_bytes);
	}
	return ngroups;
}

/* Puts objects of one slab back. If it is empty now it is unlinked and goes to `emptied`. cache.lock is held. */
static void put_group(struct cache *cache, struct slab *slab, void *const *objects, size_t count, struct list *emptied,
		      const char *function)
{
	uint64_t before = slab == NULL ? 0 : slab_page_state(slab);
	size_t done = slab == NULL ? 0 : slab_put(slab, objects, count);
	if (unlikely(done < count))
		report_bad_pointer(REPORT_DOUBLE_FREE, objects[done], function);
	slab_relist(cache, slab, before);
	if (likely(!slab_is_empty(slab)))
		return;
	slab_unlink(cache, slab);
	list_push_front(emptied, &slab->partial);
}

static void destroy_list(struct list *slabs)
{
	while (!list_is_empty(slabs)) {
		struct slab *slab = list_entry(slabs->first, struct slab, partial);
		list_remove(slabs, &slab->partial);
		slab_destroy(slab);
	}
}

static void free_batch(unsigned size_class, void **objects, size_t count, const char *function)
{
	struct cache *cache = &caches[size_class];
	struct group groups[FREE_BATCH];
	struct list emptied = {NULL, NULL};
	cache_lock(cache);
	size_t ngroups = find_groups(size_class, objects, count, groups);
	for (size_t i = 0, first = 0; i < ngroups; first = groups[i++].end)
		put_group(cache, groups[i].slab, objects + first, groups[i].end - first, &emptied, function);
	count_out(cache, 0 - count);
	cache_unlock(cache);
	destroy_list(&emptied);
}

void cache_free(unsigned size_class, void **objects, size_t count, const char *function)
{
	for (size_t done = 0; done < count; done += FREE_BATCH)
		free_batch(size_class, objects + done, size_min(count - done, FREE_BATCH), function);
	reclaim_if_due();
}

/* The part of an idle page mask that makes up whole pages of the system: its first run; 0 when there is none. */
static uint32_t first_purgeable_run(const struct slab *slab, uint32_t idle)
{
	unsigned unit = (unsigned)(os_page_size() >> PAGE_SHIFT);
	while (idle != 0) {
		unsigned first = low_bit(idle);
		unsigned count = low_bit(~(uint64_t)(idle >> first));
		uintptr_t begin = round_up(slab->first_page + first, unit);
		uintptr_t end = round_down(slab->first_page + first + count, unit);
		if (begin < end)
			return (uint32_t)bit_range((unsigned)(begin - slab->first_page), (unsigned)(end - begin));
		idle &= ~(uint32_t)bit_range(first, count);
	}
	return 0;
}

static bool purge_run(const struct slab *slab, uint32_t run)
{
	uintptr_t address = (slab->first_page + low_bit(run)) << PAGE_SHIFT;
	return os_purge((void *)address, (size_t)count_bits(run) << PAGE_SHIFT);
}

/*
 * Purges one run of idle pages of a slab. The objects over them are reserved meanwhile, so that nobody can be handed
 * memory that is about to vanish, and the lock is free for others. cache.lock is held before and after.
 */
static bool purge_slab(struct cache *cache, struct slab *slab, uint32_t run)
{
	uint64_t before = slab_page_state(slab);
	slab_reserve_pages(slab, run);
	slab_relist(cache, slab, before);
	cache_unlock(cache);
	bool gone = purge_run(slab, run);
	if (gone)
		purge_note_purged(count_bits(run));
	cache_lock(cache);
	before = slab_page_state(slab);
	slab_restore_pages(slab, run, gone);
	slab_relist(cache, slab, before);
	return gone;
}

/* A slab that others emptied while its pages were reserved is nobody's to destroy but the purger's. */
static void destroy_if_empty(struct cache *cache, struct slab *slab)
{
	bool empty = slab_is_empty(slab);
	if (empty)
		slab_unlink(cache, slab);
	cache_unlock(cache);
	if (empty)
		slab_destroy(slab);
	cache_lock(cache);
}

/*
 * One step: false when the kernel refused. A slab without a whole idle page of the system leaves the list till it
 * changes.
 */
static bool purge_first(struct cache *cache, size_t *purged)
{
	struct slab *slab = list_entry(cache->purgeable.first, struct slab, purgeable);
	uint32_t run = first_purgeable_run(slab, slab_idle_pages(slab));
	if (run == 0) {
		relist_purgeable(cache, slab, false);
		return true;
	}
	bool gone = purge_slab(cache, slab, run);
	*purged += gone ? count_bits(run) : 0;
	if (!gone && slab->is_purgeable) {
		relist_purgeable(cache, slab, false);
		relist_purgeable(cache, slab, true);
	}
	destroy_if_empty(cache, slab);
	return gone;
}

size_t cache_purge(unsigned size_class, size_t keep_pages)
{
	struct cache *cache = &caches[size_class];
	size_t purged = 0;
	int refused = 0;
	cache_lock(cache);
	while (refused < REFUSALS_MAX && cache_idle_pages() > keep_pages && !list_is_empty(&cache->purgeable))
		refused += !purge_first(cache, &purged);
	cache_unlock(cache);
	return purged;
}

void cache_check(unsigned size_class)
{
	struct cache *cache = &caches[size_class];
	cache_lock(cache);
	for (unsigned bucket = 0; bucket < BUCKET_NONE; bucket++) {
		for (struct list_node *node = cache->partial[bucket].first; node != NULL; node = node->next) {
			struct slab *slab = list_entry(node, struct slab, partial);
			slab_check(slab);
			if (slab->bucket != bucket || bucket_of(slab) != bucket || slab->class != size_class)
				report_internal("cache: a slab is in the wrong list");
			if (slab->is_purgeable != (slab_idle_pages(slab) != 0))
				report_internal("cache: a slab is wrongly purgeable or not");
		}
	}
	cache_unlock(cache);
}
