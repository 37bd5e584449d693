/*
 * object_cache.h - caches of objects that the program makes (Bonwick 1994; the kernel's kmem_cache): each is one more
 * size class, with an id from CLASS_COUNT on. So slabs, lists, depots and magazines are those of malloc, and this is
 * what comes on top of them.
 *
 *      struct lm_cache   what the program holds: a name, and the size that it asked for
 *           | one or more: caches of one shape share slabs, unless they are told apart by what is done to their objects
 *      struct object_kind   constructor, destructor, colours, debugging
 *           | one
 *      caches[id], size_classes[id]   lists of slabs, depot; layout
 *
 * A slot of a slab is an object, or with LM_CACHE_RED_ZONE:
 *
 *      [ front: 0xcc ... | object, as many bytes as asked for | 0xcc ... to the end of the slot, 8 at least ]
 *
 * Where a function says slot, it means the address in the slab; object, what the program has.
 *
 * Constructed slabs. Constructor and destructor run once for each object of a slab, when it is made and when it goes
 * (object_slabs.c), with no lock held and not in the middle of a miss. In between the content is the program's: pages
 * of such slabs are never purged. The same holds for caches with LM_CACHE_POISON or LM_CACHE_RED_ZONE, whose free
 * objects are filled.
 *
 * Empty slabs. A cache keeps a few (object_slabs.c). What a cache with a destructor has beyond that waits for
 * its next miss, lm_cache_shrink, malloc_trim or a shortage of memory: where bins are closed the program cannot be
 * called.
 *
 * Ids. object_caches_lock guards which are in use, the handles of each, and creation. Destroying a cache takes
 * everything of the id back, in this order: the magazines of all threads, under their objects_locks (object_bin.h);
 * the depot and the slabs, under purge_lock, since purgers, and whoever empties all depots, look at every id;
 * slabs that another thread is giving back count as the cache's until they are gone, and are waited for. From then on
 * nothing refers to the id, and it may be another cache's at once: what a thread still has is a closed bin, which it
 * sets up anew before it opens it.
 *
 * Handles. A struct lm_cache that has ended has index = NO_INDEX, which no thread's table reaches, and no kind. So
 * lm_cache_alloc and lm_cache_free miss, and look at the handle (page/meta.h) before anything else. All other functions
 * of libmalloc/cache.h look first.
 *
 * Invariant (cache_check): kind->empty_slabs = the slabs in list[BUCKET_EMPTY].
 */
#ifndef LM_SLAB_OBJECT_CACHE_H
#define LM_SLAB_OBJECT_CACHE_H

#include "base/lock.h"
#include "page/meta.h"
#include "slab/cache.h"
#include "slab/object_bin.h"

#include <libmalloc/cache.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct object_kind {
	void (*ctor)(void *object);
	void (*dtor)(void *object);
	uint32_t object_bytes; /* from the object's beginning to its end: the most that a handle asked for */
	uint32_t front_bytes;  /* from the slot's beginning to the object's */
	uint32_t align_bytes;
	uint32_t flags; /* LM_CACHE_POISON, LM_CACHE_RED_ZONE, LM_CACHE_NO_MERGE */
	uint16_t colours;
	uint16_t colour_bytes;        /* from one colour to the next */
	_Atomic uint32_t colour_turn; /* relaxed: which slab gets which colour matters to nobody */
	uint32_t empty_slabs;         /* guarded by cache.lock */
	struct lm_cache *handles;     /* guarded by object_caches_lock, as the next one */
	uintptr_t ender;              /* the thread that destroys it: nobody may join; 0: none */
};

struct lm_cache {
	struct meta_handle handle;
	size_t index; /* id - CLASS_COUNT */
	struct object_kind *kind;
	struct lm_cache *next; /* of the same kind; guarded by object_caches_lock */
	size_t object_bytes;   /* as asked for */
	char *name;            /* of meta_alloc */
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

/* Such caches have no magazines: each object is looked at on its way out and back. */
static inline bool object_cache_is_checked(const struct object_kind *kind)
{
	return (kind->flags & (LM_CACHE_POISON | LM_CACHE_RED_ZONE)) != 0;
}

/* --- object_cache.c: which caches there are --- */

enum object_cache_error { OBJECT_CACHE_OK, OBJECT_CACHE_NO_MEMORY, OBJECT_CACHE_TOO_MANY };

/* What lm_cache_create was asked for, all of it valid. */
struct object_cache_request {
	const char *name;
	size_t bytes;
	size_t align_bytes; /* 8 at least */
	unsigned flags;
	void (*ctor)(void *object);
	void (*dtor)(void *object);
};

/* The largest object that fits a slot with its red zones. */
size_t object_cache_max_bytes(const struct object_cache_request *request);

enum object_cache_error object_cache_create(const struct object_cache_request *request, struct lm_cache **cache);

/*
 * 0: the cache is gone. Else how many objects are live; `report` is called for each of the first `report_max`, and all
 * stays as it was. A cache that has ended already is reported.
 */
size_t object_cache_destroy(struct lm_cache *cache, size_t report_max,
			    void (*report)(const struct lm_cache *cache, const void *object));

/* This thread's spare objects, the depot's, and all empty slabs go: the bytes of the slabs. May call the program. */
size_t object_cache_shrink(unsigned id);

/* A cache's numbers; object_caches_lock is not held. */
void object_cache_info(const struct lm_cache *cache, struct lm_cache_info *info);

/* The cache of a live object, or NULL. */
struct lm_cache *object_cache_of(const void *object);

/* Calls visit(id, argument) for each id in use, with object_caches_lock held: visit may only read. */
void object_caches_for_each(void (*visit)(unsigned id, void *argument), void *argument);

extern struct lock object_caches_lock;

/* --- object_slabs.c: slabs of objects are made and given back --- */

/* Makes a slab and takes one slot of it; NULL when out of memory. May call the program. */
void *object_slabs_grow(unsigned id);

/* All empty slabs go, or those beyond what is kept. May call the program. */
void object_slabs_reap(unsigned id);
void object_slabs_reap_surplus(unsigned id);

/* All empty slabs go, where memory is short: of caches without a destructor (purge_lock is held), of those with one. */
void object_slabs_reap_plain(void);
void object_slabs_reap_destructed(void);

/* In the child of fork. */
void object_slabs_fork_child(void);

/* What empty slabs are too many, and need no destructor, go to the list `emptied`. cache.lock is held. */
void object_slabs_unlink_surplus(struct cache *cache, struct list *emptied);

/* Calls visit, which writes at most, for up to `most` slots that are taken. purge_lock is held, cache.lock not yet. */
void object_slabs_visit_taken(unsigned id, size_t most, void (*visit)(void *slot, void *argument), void *argument);

/* --- object_check.c: poison and red zones --- */

/* Fills a slot that was just made. */
void object_check_made(const struct object_kind *kind, const struct size_class *class, void *slot);

/*
 * Looks at a slot on its way out or back, and reports what was damaged as of `function`. Checked caches do not merge:
 * there is one handle, whose name it is.
 */
void object_check_taken(unsigned id, void *slot, const char *function);
void object_check_freed(unsigned id, void *slot, const char *function);

/* --- object_alloc.c: objects out and back --- */

/* The miss of object_alloc; NULL when out of memory. May call the program. */
void *object_alloc_slow(unsigned id);

/*
 * A free object of a slab that there is, with no system call, for signal handlers too; NULL: none, or another thread or
 * the interrupted code is just at the slabs.
 */
void *object_alloc_quietly(unsigned id);

/* The miss of object_free: false where no object of the cache begins. */
bool object_free_slow(unsigned id, void *object, const char *function);

/* Gives an object back to whichever cache it is of: false where it is of none. */
bool object_free_any(void *object, const char *function);

/* The bytes that may be used from `object` on; 0 where no object of a cache begins. */
size_t object_usable(const void *object);

/* NULL: object_alloc_slow is to do it. */
static always_inline void *object_alloc(const struct lm_cache *cache)
{
	const struct object_table *table = object_table_self;
	if (likely(cache->index < table->count)) {
		void *object = bin_pop(&table->bin[cache->index]->bin);
		if (likely(object != NULL))
			return object;
	}
	return NULL;
}

/* False: object_free_slow is to do it. */
static always_inline bool object_free(const struct lm_cache *cache, void *object)
{
	const struct object_table *table = object_table_self;
	return likely(cache->index < table->count) && likely(object_bin_push(table->bin[cache->index], object));
}

#endif
