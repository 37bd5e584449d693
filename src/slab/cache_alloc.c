/*
 * cache_alloc.c - which slab of a cache gives objects, and slabs that are made or destroyed for it.
 *
 * No page is allocated, freed or purged while cache.lock is held: a new slab is made before the lock is taken again,
 * and empty ones are unlinked under the lock and destroyed after it. The slabs of object caches are not made here, as
 * that may run code of the program.
 */
#include "slab/cache_alloc.h"

#include "base/bits.h"
#include "os/report.h"

#include <string.h>

enum { FREE_BATCH = 128 }; /* objects put back under one hold of the lock: a microsecond or two */

static struct slab *first_of(const struct list *list)
{
	return list_is_empty(list) ? NULL : list_entry(list->first, struct slab, listed);
}

static inline struct slab *fullest_partial(const struct cache *cache)
{
	for (unsigned bucket = 0; bucket <= BUCKET_EMPTY; bucket++)
		if (!list_is_empty(&cache->list[bucket]))
			return first_of(&cache->list[bucket]);
	return NULL;
}

/* Moves the last `taken` of `count` objects to the front: slab_take fills from the end. */
static inline size_t move_to_front(struct cache *cache, void **objects, size_t count, size_t taken)
{
	if (unlikely(taken < count))
		memmove(objects, objects + (count - taken), taken * sizeof *objects);
	cache_count_out(cache, taken);
	return taken;
}

/* How objects are taken from a cache; cache.lock is held. */
typedef size_t take_function(struct cache *cache, void **objects, size_t count);

/* The lowest address stands last, as slab_take has it. */
static size_t take_any(struct cache *cache, void **objects, size_t count)
{
	size_t left = count;
	struct slab *slab;
	while (left > 0 && (slab = fullest_partial(cache)) != NULL) {
		uint64_t before = slab_page_state(slab);
		left -= slab_take(slab, objects, left);
		slab_relist(cache, slab, before);
	}
	return move_to_front(cache, objects, count, count - left);
}

/* From the slab that is most likely to have whole lines; fewer than make up a line, from any. */
static cold size_t take_lines(struct cache *cache, void **objects, size_t wanted)
{
	size_t count = round_down(wanted, 4);
	size_t taken = 0;
	if (count == 0)
		return take_any(cache, objects, wanted);
	for (unsigned bucket = PARTIAL_BUCKETS; bucket-- > 0 && taken == 0;) {
		struct slab *slab = first_of(&cache->list[bucket]);
		if (slab == NULL)
			continue;
		uint64_t before = slab_page_state(slab);
		taken = slab_take_lines(slab, objects, count);
		slab_relist(cache, slab, before);
	}
	return move_to_front(cache, objects, count, taken);
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
	/* Another thread may have made a slab too, and the objects came from that one. */
	cache_unlock_and_drop_empty(cache, made);
	return taken;
}

size_t cache_alloc(unsigned size_class, void **objects, size_t count)
{
	return alloc_by(take_any, size_class, objects, count);
}

size_t cache_alloc_lines(unsigned size_class, void **objects, size_t count)
{
	return alloc_by(take_lines, size_class, objects, count);
}

static cold struct slab *emptiest_partial(const struct cache *cache)
{
	for (unsigned bucket = PARTIAL_BUCKETS; bucket-- > 0;)
		if (!list_is_empty(&cache->list[bucket]))
			return list_entry(cache->list[bucket].last, struct slab, listed);
	return NULL;
}

static struct slab *partial_of(const struct cache *cache, enum cache_part part)
{
	if (unlikely(part == CACHE_COLD))
		return emptiest_partial(cache);
	return likely(part != CACHE_LOW) ? fullest_partial(cache) : first_of(&cache->list[BUCKET_LOW]);
}

static enum zone_id zone_of(enum cache_part part) { return part == CACHE_LOW ? ZONE_DMA32 : ZONE_HEAP; }

static bool may_grow(unsigned size_class, enum cache_part part)
{
	return size_class < CLASS_COUNT && part != CACHE_EXISTING;
}

/* Takes an object of a slab that has one, or of none; cache.lock is held. */
static void *take_one(struct cache *cache, struct slab *slab, bool *zeroed)
{
	if (slab == NULL)
		return NULL;
	uint64_t before = slab_page_state(slab);
	void *object = slab_take_one(slab, zeroed);
	slab_relist(cache, slab, before);
	cache_count_out(cache, 1);
	return object;
}

/* A slab that is made here is used here: it could not be given back without waiting. */
static cold void *alloc_quietly(unsigned size_class, enum cache_part part, bool *zeroed)
{
	struct cache *cache = &caches[size_class];
	if (!lock_try_quiet(&cache->lock))
		return NULL;
	struct slab *slab = partial_of(cache, part);
	if (slab == NULL && may_grow(size_class, part)) {
		slab = slab_create_from(size_class, zone_of(part), PAGES_QUIET);
		if (slab != NULL)
			slab_link(cache, slab);
	}
	void *object = take_one(cache, slab, zeroed);
	cache_publish(cache);
	lock_release_quiet(&cache->lock);
	return object;
}

void *cache_alloc_part(unsigned size_class, enum cache_part part, enum page_how how, bool *zeroed)
{
	struct cache *cache = &caches[size_class];
	if (unlikely(how == PAGES_QUIET))
		return alloc_quietly(size_class, part, zeroed);
	cache_lock(cache);
	void *object = take_one(cache, partial_of(cache, part), zeroed);
	cache_unlock(cache);
	if (object != NULL || !may_grow(size_class, part))
		return object;
	struct slab *made = grow_and_lock(cache, size_class, zone_of(part));
	if (made == NULL)
		return NULL;
	object = take_one(cache, partial_of(cache, part), zeroed);
	cache_unlock_and_drop_empty(cache, made);
	return object;
}

/* Neighbours in a magazine that lie in one slab: [the end of the group before, end), not empty. Owner: free_batch. */
struct group {
	struct slab *slab; /* NULL: there is no slab of the class */
	size_t end; /* index behind its last object */
};

/*
 * Splits `count` objects into groups: how many. This brings the descriptors to the CPU: otherwise objects that were
 * freed in random order would wait for memory one after the other. cache.lock is held.
 */
static inline size_t find_groups(unsigned size_class, void *const *objects, size_t count, struct group *groups)
{
	size_t slab_bytes = (size_t)size_classes[size_class].pages << PAGE_SHIFT;
	size_t ngroups = 0;
	for (size_t i = 0; i < count; groups[ngroups++].end = i) {
		uintptr_t base = slab_base_of((uintptr_t)objects[i], size_class);
		struct slab *slab = slab_of((uintptr_t)objects[i], size_class);
		if (likely(slab != NULL)) {
			__builtin_prefetch(slab, 1);
			__builtin_prefetch(slab->free, 1);
		}
		groups[ngroups].slab = slab;
		do
			i++;
		while (i < count && (uintptr_t)objects[i] - base < slab_bytes);
	}
	return ngroups;
}

/* Takes an empty slab off the lists; it goes to `emptied`. cache.lock is held in these. */
static void unlink_empty(struct cache *cache, struct slab *slab, struct list *emptied)
{
	slab_unlink(cache, slab);
	list_push_front(emptied, &slab->listed);
}

/*
 * In an object cache only the empty slabs beyond those that it keeps go, and none that needs the destructor. The fewer
 * slabs there are, the fewer are kept: so more may go than the one that has just come.
 */
static cold void unlink_surplus(struct cache *cache, struct list *emptied)
{
	while (!cache->has_destructor && cache->empty_slabs > cache_kept_slabs(cache))
		unlink_empty(cache, list_entry(cache->list[BUCKET_EMPTY].last, struct slab, listed), emptied);
}

/* Puts objects of one slab back, up to the first that was freed before: how many. */
static size_t put_group(struct cache *cache, struct slab *slab, void *const *objects, size_t count,
			struct list *emptied, const char *function)
{
	uint64_t before = slab == NULL ? 0 : slab_page_state(slab);
	size_t done = slab == NULL ? 0 : slab_put(slab, objects, count);
	if (unlikely(done < count))
		report_later(REPORT_DOUBLE_FREE, objects[done], function);
	if (unlikely(done == 0))
		return 0; /* an empty slab may be in no list any more */
	slab_relist(cache, slab, before);
	if (likely(!slab_is_empty(slab)))
		return done;
	if (unlikely(cache->kind != NULL))
		unlink_surplus(cache, emptied);
	else
		unlink_empty(cache, slab, emptied);
	return done;
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
	size_t put = 0;
	for (size_t i = 0, first = 0; i < ngroups; first = groups[i++].end)
		put += put_group(cache, groups[i].slab, objects + first, groups[i].end - first, &emptied, function);
	cache_count_out(cache, 0 - put);
	cache_unlock(cache);
	destroy_list(&emptied);
}

void cache_free(unsigned size_class, void **objects, size_t count, const char *function)
{
	for (size_t done = 0; done < count; done += FREE_BATCH)
		free_batch(size_class, objects + done, size_min(count - done, FREE_BATCH), function);
}
