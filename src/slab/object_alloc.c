/*
 * object_alloc.c - objects of caches past the fast path (see object_cache.h).
 */
#include "base/report.h"
#include "slab/cache_lists.h"
#include "slab/object_cache.h"

/* A destructor may have been put off by what was freed since: this is a moment at which it may be called. */
static void settle(unsigned id, const struct object_kind *kind)
{
	if (unlikely(kind->dtor != NULL))
		object_slabs_reap_surplus(id);
}

static void *take_one(unsigned id)
{
	void *slot;
	return cache_alloc(id, &slot, 1) == 1 ? slot : NULL;
}

/* The object in a slot: of a cache with checks it is looked at. */
static void *object_in(unsigned id, char *slot)
{
	const struct object_kind *kind = caches[id].kind;
	if (slot == NULL)
		return NULL;
	if (object_cache_is_checked(kind))
		object_check_taken(id, slot, "lm_cache_alloc");
	return slot + kind->front_bytes;
}

static void *alloc_checked(unsigned id)
{
	void *slot = take_one(id);
	return object_in(id, slot != NULL ? slot : object_slabs_grow(id));
}

noinline void *object_alloc_slow(unsigned id)
{
	const struct object_kind *kind = caches[id].kind;
	if (object_cache_is_checked(kind))
		return alloc_checked(id);
	void *object = object_bin_refill(id);
	if (object == NULL)
		object = object_slabs_grow(id);
	settle(id, kind);
	return object;
}

/* Neither the magazines, which the interrupted code may be at, nor a lock that it may hold, are touched. */
void *object_alloc_quietly(unsigned id) { return object_in(id, cache_take_quietly(id)); }

/* The lock is for those that are taken and given back just now: a bit of this object changes only if it is misused. */
static bool is_free(const struct slab *slab, const void *slot)
{
	struct cache *cache = &caches[slab->class];
	cache_lock(cache);
	bool free = slab_says_free(slab, (uintptr_t)slot);
	cache_unlock(cache);
	return free;
}

static void free_checked(const struct slab *slab, void *object, const char *function)
{
	unsigned id = slab->class;
	void *slot = (char *)object - caches[id].kind->front_bytes;
	if (is_free(slab, slot))
		report_bad_pointer(REPORT_DOUBLE_FREE, object, function);
	object_check_freed(id, slot, function);
	cache_free(id, &slot, 1, function);
}

/* Gives back an object that begins in the slab. */
static void give(const struct slab *slab, void *object, const char *function)
{
	unsigned id = slab->class;
	const struct object_kind *kind = caches[id].kind;
	if (object_cache_is_checked(kind)) {
		free_checked(slab, object, function);
		settle(id, kind);
		return;
	}
	if (object_bin_push_elsewhere(id - CLASS_COUNT, object))
		return;
	if (object_bin_newest(id - CLASS_COUNT) == object)
		report_bad_pointer(REPORT_DOUBLE_FREE, object, function);
	object_bin_overflow(id, object, function);
	settle(id, kind);
}

static bool begins(const struct slab *slab, const void *object)
{
	/* The kind may be gone where the pointer is bad. */
	const struct object_kind *kind = slab == NULL ? NULL : caches[slab->class].kind;
	return kind != NULL && slab_object_begins(slab, (uintptr_t)object - kind->front_bytes);
}

noinline bool object_free_slow(unsigned id, void *object, const char *function)
{
	const struct slab *slab = slab_of_cache((uintptr_t)object, id);
	if (!begins(slab, object))
		return false;
	give(slab, object, function);
	return true;
}

bool object_free_any(void *object, const char *function)
{
	const struct slab *slab = slab_of_objects((uintptr_t)object);
	if (!begins(slab, object))
		return false;
	give(slab, object, function);
	return true;
}

size_t object_usable(const void *object)
{
	const struct slab *slab = slab_of_objects((uintptr_t)object);
	if (!begins(slab, object))
		return 0;
	const struct object_kind *kind = caches[slab->class].kind;
	return object_cache_is_checked(kind) ? kind->object_bytes : size_classes[slab->class].bytes;
}
