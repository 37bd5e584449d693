/*
 * object_kind.h - what an object cache has besides its slabs: the kind of its objects, and the handles of the program.
 *
 *      struct lm_cache      what the program holds: a name, and the size that it asked for
 *           | one; more if caches share slabs
 *      struct object_kind   constructor, destructor, colours, debugging
 *           | one
 *      caches[id], size_classes[id], depots[id]   lists of slabs; layout; full magazines
 *
 * object_caches_lock guards which kinds and handles there are, and changes of the fields that name it; but for
 * colour_turn the others never change. A thread that uses a cache reads without the lock: nobody uses a cache that is
 * being destroyed. Of a kind that caches share, it reads neither `handles` nor object_bytes (no checked one is shared).
 */
#ifndef LM_OBJECT_OBJECT_KIND_H
#define LM_OBJECT_OBJECT_KIND_H

#include "os/report.h"
#include "page/meta.h"
#include "slab/size_class.h"

#include <libmalloc/cache.h>

struct object_kind {
	void (*ctor)(void *object);
	void (*dtor)(void *object);
	uint32_t object_bytes; /* the most that a handle asked for; object_caches_lock */
	uint32_t front_bytes;  /* from the slot's beginning to the object's */
	uint32_t align_bytes;
	uint32_t flags; /* LM_CACHE_... */
	uint16_t colours;
	uint16_t colour_bytes;        /* from one colour to the next */
	_Atomic uint32_t colour_turn; /* relaxed: any slab may have any colour */
	struct lm_cache *handles;     /* the oldest first; object_caches_lock */
	uintptr_t destroyer;          /* the thread that destroys it: nobody may join; 0: none; object_caches_lock */
};

struct lm_cache {
	struct meta_handle handle;
	size_t index; /* id - CLASS_COUNT; ended: NO_INDEX, and no kind. Both change under object_caches_lock */
	struct object_kind *kind;
	struct lm_cache *next; /* of the same kind; object_caches_lock */
	size_t object_bytes;   /* as asked for */
	char *name;            /* from meta_alloc */
};

#define NO_INDEX SIZE_MAX

/* Reports a cache that has ended. */
static inline void object_cache_look(const struct lm_cache *cache, const char *function)
{
	meta_handle_check(&cache->handle, REPORT_CACHE_DESTROYED, function);
}

static inline unsigned object_cache_id(const struct lm_cache *cache)
{
	return CLASS_COUNT + (unsigned)cache->index;
}

/* Such caches have no magazines: each object is checked on its way out and back. */
static inline bool object_cache_is_checked(const struct object_kind *kind)
{
	return (kind->flags & (LM_CACHE_POISON | LM_CACHE_RED_ZONE)) != 0;
}

#endif
