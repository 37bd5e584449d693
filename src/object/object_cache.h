/*
 * object_cache.h - caches of objects that the program makes (Bonwick 1994; the kernel's kmem_cache). Each is one more
 * size class, with an id from CLASS_COUNT on. So it has the slabs, lists, depots and magazines of malloc's classes, and
 * in addition what is described here.
 *
 * A slot of a slab is an object, or with LM_CACHE_RED_ZONE:
 *
 *      [ front: 0xcc ... | object, as many bytes as requested | 0xcc ... to the end of the slot, at least 8 ]
 *
 * "Slot" means the address in the slab; "object" means the address that the program has.
 *
 * Constructor and destructor run once for each object of a slab, when the slab is made and when it goes
 * (object_slabs.h). In between the content is the program's: pages of such slabs are never purged. Nor are those of
 * caches with LM_CACHE_POISON or LM_CACHE_RED_ZONE, whose free objects are filled.
 *
 * A cache keeps a few empty slabs. If it has a destructor, further ones wait for the cache's next miss,
 * lm_cache_shrink, malloc_trim or a shortage of memory: when bins are closed, the program cannot be called.
 *
 * Ids. object_caches_lock guards which are in use, the handles of each, and creation. Destroying a cache takes all of
 * the id back, in this order: the magazines of all threads, under their objects_locks (object_bin.h); the depot and the
 * slabs, under purge_lock, since purgers, and threads that empty all depots, visit every id. Slabs that another thread
 * is giving back count until they are gone. Destroying waits for them. Then nothing refers to the id, and another cache
 * may get it at once. A thread may still have a closed bin of the id. It sets the bin up anew before it opens it.
 *
 * Handles. A struct lm_cache that has ended has index = NO_INDEX, which no thread's table reaches, and no kind. So
 * lm_cache_alloc and lm_cache_free miss, and a miss checks the handle (page/meta.h) first. All other functions of
 * libmalloc/cache.h begin with this check.
 */
#ifndef LM_OBJECT_OBJECT_CACHE_H
#define LM_OBJECT_OBJECT_CACHE_H

#include "object/object_kind.h"
#include "os/lock.h"

/*
 * Creates a cache with these valid arguments. Of `kind` the caller sets ctor, dtor, object_bytes, align_bytes (at least
 * 8) and flags. NULL: *error is ENOMEM, or ENOSPC if all ids are in use.
 */
cold struct lm_cache *object_cache_create(const char *name, struct object_kind *kind, int *error);

/* The largest object that fits a slot with the red zones of this kind. */
cold size_t object_cache_max_bytes(const struct object_kind *kind);

/*
 * 0: the cache is gone. Else the number of live objects; then up to `most` of them stand in `objects`, and nothing has
 * changed. A cache that has ended already is reported.
 */
cold size_t object_cache_destroy(struct lm_cache *cache, const void **objects, size_t most);

/* Gives back this thread's spare objects, the depot's, and all empty slabs: bytes of slabs. May call the program. */
cold size_t object_cache_shrink(unsigned id);

/* A cache's numbers; object_caches_lock is not held. */
cold void object_cache_info(const struct lm_cache *cache, struct lm_cache_info *info);

/* The cache of a live object, or NULL. */
cold struct lm_cache *object_cache_of(const void *object);

/* Calls visit(id, argument) for each id in use, with object_caches_lock held: visit may only read. */
cold void object_caches_for_each(void (*visit)(unsigned id, void *argument), void *argument);

extern struct lock object_caches_lock LM_HIDDEN;

#endif
