/* object_bin.c - see object_bin.h. */
#include "object/object_bin.h"

#include "base/bits.h"
#include "magazine/miss.h"
#include "page/meta.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"

enum { TABLE_MIN = 8 }; /* entries of a thread's first table: with its head, 72 bytes */

/* Makes the table reach up to `index`. objects_lock is held. */
static bool object_table_grow(struct thread_cache *cache, size_t index)
{
	struct object_table *old = cache->objects;
	size_t count = TABLE_MIN;
	while (count <= index)
		count *= 2;
	struct object_table *table = meta_alloc(object_table_bytes(count));
	if (table == NULL)
		return false;
	table->count = count;
	for (size_t i = 0; i < count; i++)
		table->bin[i] = i < old->count ? old->bin[i] : (struct object_bin *)(uintptr_t)&object_bin_none;
	cache->objects = table;
	object_table_self = table;
	if (old != &object_table_none)
		meta_free(old, object_table_bytes(old->count));
	return true;
}

static void bin_set_up(struct object_bin *bin, unsigned id)
{
	const struct size_class *class = &size_classes[id];
	bin_lay_out(&bin->bin, id);
	bin->first = NO_SLAB;
	bin->key = slab_key(id);
	bin->span = class->objects * class->bytes;
}

/* Makes the thread's bin for the cache ready. A closed one may have been an older cache's of the same id. */
static cold bool bin_prepare(struct thread_cache *cache, unsigned id)
{
	size_t index = id - CLASS_COUNT;
	if (index >= cache->objects->count && !object_table_grow(cache, index))
		return false;
	struct object_bin *bin = cache->objects->bin[index];
	if (bin == &object_bin_none) {
		bin = meta_alloc(sizeof(struct object_bin));
		if (bin == NULL)
			return false;
		*bin = object_bin_none;
		cache->objects->bin[index] = bin;
	}
	bin_set_up(bin, id);
	return true;
}

static bool bin_is_ready(struct thread_cache *cache, unsigned id)
{
	return likely(bin_loaded(&object_bin_at(cache, id)->state) != NULL) || bin_prepare(cache, id);
}

static void enter_miss(struct thread_cache *cache)
{
	thread_cache_enter_miss(cache);
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
}

static void leave_miss(struct thread_cache *cache)
{
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	thread_cache_leave_miss(cache);
}

noinline void *object_bin_refill(unsigned id)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return cache_alloc_single(id);
	enter_miss(cache);
	void *object = bin_is_ready(cache, id) ? bin_refill(cache, id) : cache_alloc_single(id);
	leave_miss(cache);
	return object;
}

noinline void object_bin_overflow(unsigned id, void *object, const char *function)
{
	struct thread_cache *cache = thread_cache_get();
	bool has_bin = false;
	if (cache != NULL) {
		enter_miss(cache);
		has_bin = bin_is_ready(cache, id);
		if (has_bin)
			bin_overflow(cache, id, object, function);
		leave_miss(cache);
	}
	if (!has_bin)
		reclaim_free(id, &object, 1, function);
}

void object_bin_flush(unsigned id)
{
	struct thread_cache *cache = thread_cache_self;
	if (object_table_self == &object_table_none || id >= thread_cache_end_of(cache))
		return;
	enter_miss(cache);
	bin_close(cache, id);
	leave_miss(cache);
}

static cold size_t count_one(struct thread_cache *cache, unsigned id)
{
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	size_t objects = bin_objects(cache, id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	return objects;
}

size_t object_bins_count(unsigned id)
{
	size_t objects = 0;
	lock_acquire(&threads_lock, RANK_THREADS);
	for_each_thread_cache(cache, &thread_caches)
		objects += count_one(cache, id);
	lock_release(&threads_lock, RANK_THREADS);
	return objects;
}

/* The order does not matter: a thread that holds one of these locks alone never waits for another one. */
void object_bins_lock(void)
{
	lock_acquire(&threads_lock, RANK_THREADS);
	thread_cache_for_each_lock(lock_acquire_unranked);
}

void object_bins_unlock(void)
{
	thread_cache_for_each_lock(lock_release_unranked);
	lock_release(&threads_lock, RANK_THREADS);
}

/* Of a thread that a fork left behind `top` is not trusted: see strip_lost. */
static size_t loaded_at_most(const struct object_bin *bin, unsigned id)
{
	return size_min(bin_loaded_objects(&bin->bin, &bin->state), size_classes[id].magazine_slots);
}

static cold bool bin_holds(const struct thread_cache *cache, unsigned id, const void *object)
{
	const struct object_bin *bin = object_bin_at(cache, id);
	const struct magazine *loaded = bin_loaded(&bin->state);
	const struct magazine *previous = bin->state.previous;
	return (loaded != NULL && magazine_holds(loaded, loaded_at_most(bin, id), object)) ||
	       (previous != NULL && magazine_holds(previous, previous->count, object));
}

bool object_bins_hold(unsigned id, const void *object)
{
	for_each_thread_cache(cache, &thread_caches)
		if (bin_holds(cache, id, object))
			return true;
	for_each_thread_cache(cache, &lost_thread_caches)
		if (bin_holds(cache, id, object))
			return true;
	return false;
}

static cold void strip_one(struct thread_cache *cache, unsigned id)
{
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bin_strip(cache, id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
}

/* An object that its slab calls taken stands in this magazine only. */
static cold void give_back_lost(unsigned id, const struct magazine *magazine, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		void *object = magazine->slot[i];
		if (slab_object_is_taken((uintptr_t)object, id))
			reclaim_free(id, &object, 1, "lm_cache_destroy");
	}
}

/*
 * The other threads ran while the process was copied. So of what a fast path did, one half may be in the copy and the
 * other half not: nothing in such a bin is trusted. Magazines were not exchanged meanwhile.
 */
static cold void strip_lost(struct thread_cache *cache, unsigned id)
{
	struct object_bin *bin = object_bin_at(cache, id);
	if (bin_loaded(&bin->state) == NULL)
		return;
	give_back_lost(id, bin_loaded(&bin->state), loaded_at_most(bin, id));
	if (bin->state.previous != NULL)
		give_back_lost(id, bin->state.previous, bin->state.previous->count);
	*bin = object_bin_none;
}

void object_bins_strip(unsigned id)
{
	lock_acquire(&threads_lock, RANK_THREADS);
	for_each_thread_cache(cache, &thread_caches)
		strip_one(cache, id);
	for_each_thread_cache(cache, &lost_thread_caches)
		strip_lost(cache, id);
	lock_release(&threads_lock, RANK_THREADS);
}
