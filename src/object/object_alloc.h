/* object_alloc.h - objects out of their caches and back: the fast path and its misses. */
#ifndef LM_OBJECT_OBJECT_ALLOC_H
#define LM_OBJECT_OBJECT_ALLOC_H

#include "object/object_bin.h"
#include "object/object_kind.h"

/* The miss of object_alloc; NULL when out of memory. May call the program. */
void *object_alloc_slow(unsigned id);

/*
 * A free object of an existing slab, without a system call, for signal handlers too. NULL: there is none, or another
 * thread or the interrupted code holds a lock of the slabs.
 */
void *object_alloc_quietly(unsigned id);

/* The miss of object_free: false if no object of the cache begins there. */
bool object_free_slow(unsigned id, void *object, const char *function);

/* Gives an object of any cache back: false if no object of a cache begins there. */
bool object_free_any(void *object, const char *function);

/* The bytes that may be used from `object` on; 0 if no object of a cache begins there. */
size_t object_usable(const void *object);

/* NULL: object_alloc_slow must do it. */
static always_inline void *object_alloc(const struct lm_cache *cache)
{
	const struct object_table *table = object_table_self;
	return likely(cache->index < table->count) ? bin_pop(&table->bin[cache->index]->bin) : NULL;
}

/* False: object_free_slow must do it. */
static always_inline bool object_free(const struct lm_cache *cache, void *object)
{
	const struct object_table *table = object_table_self;
	return likely(cache->index < table->count) && likely(object_bin_push(table->bin[cache->index], object));
}

#endif
