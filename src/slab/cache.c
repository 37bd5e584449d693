/*
 * cache.c - objects out of slabs and back (see cache.h).
 *
 * No page is allocated, freed or purged while cache.lock is held: a new slab is made before the lock is taken again,
 * and empty ones are unlinked under the lock and destroyed after it. Object caches grow elsewhere (object_slabs.c), as
 * that may run code of the program.
 */
#include "base/report.h"
#include "slab/cache_lists.h"
#include "slab/reclaim.h"

#include <string.h>

enum {
	FREE_BATCH = 128, /* objects put back under one hold of the lock: a microsecond or two */
};

struct cache caches[ID_COUNT];

_Atomic uint64_t cache_page_sums;

static uint64_t sums(void) { return atomic_load_explicit(&cache_page_sums, memory_order_relaxed); }

size_t cache_idle_pages(void) { return sums() >> 32; }
size_t cache_empty_pages(void) { return (uint32_t)sums(); }

static struct slab *fullest_partial(const struct cache *cache)
{
	for (unsigned bucket = 0; bucket <= BUCKET_EMPTY; bucket++)
		if (!list_is_empty(&cache->list[bucket]))
			return list_entry(cache->list[bucket].first, struct slab, listed);
	return NULL;
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
		if (list_is_empty(&cache->list[bucket]))
			continue;
		struct slab *slab = list_entry(cache->list[bucket].first, struct slab, listed);
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
	if (taken > 0 || size_class >= CLASS_COUNT)
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
		if (!list_is_empty(&cache->list[bucket]))
			return list_entry(cache->list[bucket].last, struct slab, listed);
	return NULL;
}

static struct slab *partial_of(const struct cache *cache, enum cache_part part)
{
	if (part == CACHE_ANY)
		return fullest_partial(cache);
	if (part == CACHE_COLD)
		return emptiest_partial(cache);
	struct list_node *first = cache->list[BUCKET_LOW].first;
	return first == NULL ? NULL : list_entry(first, struct slab, listed);
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
	cache_publish(cache);
	lock_release_quiet(&cache->lock);
	return object;
}

void *cache_take_quietly(unsigned size_class)
{
	struct cache *cache = &caches[size_class];
	bool zeroed;
	if (!lock_try_quiet(&cache->lock))
		return NULL;
	struct slab *slab = fullest_partial(cache);
	void *object = slab == NULL ? NULL : take_one(cache, slab, &zeroed);
	cache_publish(cache);
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

/*
 * Puts objects of one slab back. If it is empty now it is unlinked and goes to `emptied`; in an object cache, what such
 * slabs are too many. cache.lock is held.
 */
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
	if (unlikely(cache->kind != NULL)) {
		object_slabs_unlink_surplus(cache, emptied);
		return;
	}
	slab_unlink(cache, slab);
	list_push_front(emptied, &slab->listed);
}

static void destroy_list(struct list *slabs)
{
	while (!list_is_empty(slabs)) {
		struct slab *slab = list_entry(slabs->first, struct slab, listed);
		list_remove(slabs, &slab->listed);
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

uint32_t cache_count_leaving(const struct cache *cache)
{
	uint32_t count = 0;
	for (const struct list_node *node = cache->leaving.first; node != NULL; node = node->next)
		count++;
	return count;
}

void cache_check(unsigned size_class)
{
	struct cache *cache = &caches[size_class];
	cache_lock(cache);
	uint32_t empty = 0, listed = 0;
	for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++) {
		for (struct list_node *node = cache->list[bucket].first; node != NULL; node = node->next) {
			struct slab *slab = list_entry(node, struct slab, listed);
			slab_check(slab);
			listed++;
			empty += bucket == BUCKET_EMPTY;
			if (slab->bucket != bucket || bucket_of(slab) != bucket || slab->class != size_class)
				report_internal("cache: a slab is in the wrong list");
			if (slab->is_purgeable != (slab_idle_pages(slab) != 0))
				report_internal("cache: a slab is wrongly purgeable or not");
		}
	}
	if (empty != (cache->kind == NULL ? 0 : cache->kind->empty_slabs))
		report_internal("cache: the empty slabs are counted wrongly");
	if (cache->kind != NULL && cache->slabs != listed + cache_count_leaving(cache))
		report_internal("cache: the slabs are counted wrongly");
	cache_unlock(cache);
}
