/* object_alloc.c - see object_alloc.h. */
#include "object/object_alloc.h"

#include "object/object_check.h"
#include "object/object_slabs.h"
#include "os/report.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"

/* Called where a destructor may run: objects that were freed before may have left more empty slabs than are kept. */
static void reap_surplus(unsigned id, const struct object_kind *kind)
{
	if (unlikely(kind->dtor != NULL))
		object_slabs_reap_surplus(id);
}

/* The object in a slot, checked if the cache has checks. */
static void *object_in(unsigned id, char *slot)
{
	const struct object_kind *kind = caches[id].kind;
	if (slot == NULL)
		return NULL;
	if (object_cache_is_checked(kind))
		object_check_taken(id, slot, "lm_cache_alloc");
	return slot + kind->front_bytes;
}

static cold void *alloc_checked(unsigned id)
{
	void *slot = cache_alloc_single(id);
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
	reap_surplus(id, kind);
	return object;
}

/* The interrupted code may be at the magazines, or hold a lock: neither is touched. */
void *object_alloc_quietly(unsigned id)
{
	return object_in(id, cache_alloc_part(id, CACHE_EXISTING, PAGES_QUIET, &(bool){false}));
}

/* Other threads may take or free other objects of the slab, and write the same bitmap word: so cache.lock is taken. */
static cold void free_checked(unsigned id, void *object, const char *function)
{
	void *slot = (char *)object - caches[id].kind->front_bytes;
	cache_lock(&caches[id]);
	bool is_taken = slab_object_is_taken((uintptr_t)slot, id);
	cache_unlock(&caches[id]);
	if (!is_taken)
		report_bad_pointer(REPORT_DOUBLE_FREE, object, function);
	object_check_freed(id, slot, function);
	reclaim_free(id, &slot, 1, function);
	reap_surplus(id, caches[id].kind);
}

/* The kind, if an object of the cache begins there, or NULL. Neither id 0 nor a cache just destroyed has a kind. */
static const struct object_kind *kind_of(unsigned id, const void *object)
{
	const struct object_kind *kind = caches[id].kind;
	return kind != NULL && slab_object_begins((uintptr_t)object - kind->front_bytes, id) ? kind : NULL;
}

/* The object that this thread freed last into its bin and that is still there, or NULL. */
static void *newest_in_bin(size_t index)
{
	const struct object_table *table = object_table_self;
	return index < table->count ? bin_newest(&table->bin[index]->bin) : NULL;
}

noinline bool object_free_slow(unsigned id, void *object, const char *function)
{
	const struct object_kind *kind = kind_of(id, object);
	if (kind == NULL)
		return false;
	if (object_cache_is_checked(kind)) {
		free_checked(id, object, function);
	} else if (!object_bin_push_elsewhere(id - CLASS_COUNT, object)) {
		if (newest_in_bin(id - CLASS_COUNT) == object)
			report_bad_pointer(REPORT_DOUBLE_FREE, object, function);
		object_bin_overflow(id, object, function);
		reap_surplus(id, kind);
	}
	report_noted();
	return true;
}

bool object_free_any(void *object, const char *function)
{
	return object_free_slow(slab_objects_id((uintptr_t)object), object, function);
}

size_t object_usable(const void *object)
{
	unsigned id = slab_objects_id((uintptr_t)object);
	const struct object_kind *kind = kind_of(id, object);
	if (kind == NULL)
		return 0;
	return object_cache_is_checked(kind) ? kind->object_bytes : size_classes[id].bytes;
}
