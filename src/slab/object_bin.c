/*
 * object_bin.c - see object_bin.h.
 */
#include "slab/object_bin.h"

#include "base/bits.h"
#include "page/meta.h"
#include "slab/bin.h"
#include "slab/cache.h"

enum { TABLE_MIN = 8 };

struct object_table object_table_none;

_Thread_local struct object_table *object_table_self __attribute__((tls_model("initial-exec"))) = &object_table_none;

static size_t table_bytes(size_t count)
{
	return sizeof(struct object_table) + count * sizeof(struct object_bin *);
}

void object_table_destroy(struct object_table *table)
{
	if (table == &object_table_none)
		return;
	for (size_t i = 0; i < table->count; i++)
		if (table->bin[i] != &object_bin_none)
			meta_free(table->bin[i], sizeof(struct object_bin));
	meta_free(table, table_bytes(table->count));
}

/* Makes the table reach up to `index`. objects_lock is held. */
static bool table_grow(struct thread_cache *cache, size_t index)
{
	struct object_table *old = cache->objects;
	size_t count = TABLE_MIN;
	while (count <= index)
		count *= 2;
	struct object_table *table = meta_alloc(table_bytes(count));
	if (table == NULL)
		return false;
	table->count = count;
	for (size_t i = 0; i < count; i++)
		table->bin[i] = i < old->count ? old->bin[i] : (struct object_bin *)(uintptr_t)&object_bin_none;
	cache->objects = table;
	object_table_self = table;
	if (old != &object_table_none)
		meta_free(old, table_bytes(old->count));
	return true;
}

static bool bin_create(struct thread_cache *cache, size_t index)
{
	struct object_bin *bin = meta_alloc(sizeof(struct object_bin));
	if (bin == NULL)
		return false;
	*bin = object_bin_none;
	cache->objects->bin[index] = bin;
	return true;
}

static void bin_set_up(struct object_bin *bin, unsigned id)
{
	const struct size_class *class = &size_classes[id];
	bin->bin.magic = class->magic;
	bin->bin.begin_limit = class->begin_limit;
	bin->bin.offset_mask = ((uint32_t)PAGE_BYTES << class->order) - 1;
	bin->first = NO_SLAB;
	bin->key = slab_key(id);
	bin->span = class->objects * class->bytes;
}

/* Gives the thread a bin for the cache. A closed one may have been an older cache's of the same id. */
static bool bin_ensure(struct thread_cache *cache, unsigned id)
{
	size_t index = id - CLASS_COUNT;
	if (index >= cache->objects->count && !table_grow(cache, index))
		return false;
	if (cache->objects->bin[index] == &object_bin_none && !bin_create(cache, index))
		return false;
	struct object_bin *bin = cache->objects->bin[index];
	if (bin_loaded(&bin->side) == NULL)
		bin_set_up(bin, id);
	return true;
}

static void *alloc_uncached(unsigned id)
{
	void *object;
	return cache_alloc(id, &object, 1) == 1 ? object : NULL;
}

noinline void *object_bin_refill(unsigned id)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return alloc_uncached(id);
	thread_cache_enter_miss(cache);
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	void *object = bin_ensure(cache, id) ? bin_refill(cache, id) : alloc_uncached(id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	thread_cache_leave_miss(cache);
	return object;
}

noinline void object_bin_overflow(unsigned id, void *object, const char *function)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL) {
		cache_free(id, &object, 1, function);
		return;
	}
	thread_cache_enter_miss(cache);
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	if (bin_ensure(cache, id))
		bin_overflow(cache, id, object, function);
	else
		cache_free(id, &object, 1, function);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	thread_cache_leave_miss(cache);
}

void object_bin_flush(unsigned id)
{
	struct thread_cache *cache = thread_cache_self;
	if (object_table_self == &object_table_none || id >= thread_cache_end_of(cache))
		return;
	thread_cache_enter_miss(cache);
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bin_close(cache, id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	thread_cache_leave_miss(cache);
}

static size_t count_one(struct thread_cache *cache, unsigned id)
{
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	size_t objects = bin_objects(cache, id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	return objects;
}

size_t object_bins_count(unsigned id) { return thread_cache_for_each(count_one, id); }

/* The order among these locks does not matter: who holds one of them alone waits for none of the others. */
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

/* Of a thread that a fork left behind, top is not trusted: see strip_lost. */
static bool bin_holds(const struct thread_cache *cache, unsigned id, const void *object)
{
	const struct object_bin *bin = object_bin_at(cache, id);
	struct magazine *loaded = bin_loaded(&bin->side);
	const struct magazine *previous = bin->side.previous;
	if (loaded == NULL)
		return false;
	void **top = atomic_load_explicit(&bin->bin.top, memory_order_relaxed);
	size_t count = size_min((size_t)(top - &loaded->bottom), size_classes[id].magazine_slots);
	return magazine_holds(loaded, count, object) ||
	       (previous != NULL && magazine_holds(previous, previous->count, object));
}

bool object_bins_hold(unsigned id, const void *object) { return thread_cache_any(bin_holds, id, object); }

static size_t strip_one(struct thread_cache *cache, unsigned id)
{
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bin_strip(cache, id);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
	return 0;
}

/* An object in a magazine of a thread that is not there: if its slab has it out, it is the magazine that has it. */
static void give_back_lost(unsigned id, void *object)
{
	struct slab *slab = slab_of_cache((uintptr_t)object, id);
	if (slab != NULL && slab_object_begins(slab, (uintptr_t)object) && !slab_says_free(slab, (uintptr_t)object))
		cache_free(id, &object, 1, "lm_cache_destroy");
}

/*
 * The other threads went on while the process was copied, so that of the fast path's doing one half may be here and the
 * other not: nothing that stands in such a bin is trusted. Magazines were not exchanged meanwhile.
 */
static void strip_lost(struct thread_cache *cache, unsigned id)
{
	struct object_bin *bin = object_bin_at(cache, id);
	struct magazine *loaded = bin_loaded(&bin->side);
	struct magazine *previous = bin->side.previous;
	if (loaded == NULL)
		return;
	void **top = atomic_load_explicit(&bin->bin.top, memory_order_relaxed);
	size_t count = size_min((size_t)(top - &loaded->bottom), size_classes[id].magazine_slots);
	for (size_t i = 0; i < count; i++)
		give_back_lost(id, loaded->slot[i]);
	for (size_t i = 0; previous != NULL && i < previous->count; i++)
		give_back_lost(id, previous->slot[i]);
	*bin = object_bin_none;
}

void object_bins_strip(unsigned id)
{
	thread_cache_for_each(strip_one, id);
	thread_cache_for_each_lost(strip_lost, id);
}

void bins_close_objects_held(struct thread_cache *cache)
{
	for (unsigned id = CLASS_COUNT; id < thread_cache_end_of(cache); id++)
		bin_close(cache, id);
}

void bins_close_objects(struct thread_cache *cache)
{
	if (cache->objects == &object_table_none)
		return;
	lock_acquire(&cache->objects_lock, RANK_OBJECTS);
	bins_close_objects_held(cache);
	lock_release(&cache->objects_lock, RANK_OBJECTS);
}
