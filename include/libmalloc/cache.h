/*
 * libmalloc/cache.h - object caches: slabs of one kind of object, as Bonwick's (USENIX 1994) and the kernel's
 * kmem_cache. lm_cache_create(3).
 *
 * The library recognises a destroyed cache until 4096 more caches are destroyed: each function that gets it says so in
 * one line on standard error, and the process stops.
 */
#ifndef LIBMALLOC_CACHE_H
#define LIBMALLOC_CACHE_H

#include <libmalloc/flags.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lm_cache;

#define LM_CACHE_HWALIGN 0x1u  /* each object begins at a cache line */
#define LM_CACHE_POISON 0x2u   /* freed objects are filled, and looked at when handed out. Not with a constructor
				  or destructor */
#define LM_CACHE_RED_ZONE 0x4u /* bytes before and behind each object, looked at when it is freed */
#define LM_CACHE_NO_MERGE 0x8u /* slabs of its own, also where the option merge_caches is set (libmalloc(3)) */
#define LM_CACHE_PANIC 0x10u   /* lm_cache_create that fails says why and stops the process */

enum {
	LM_CACHE_OBJECT_MAX = 1 << 17, /* bytes: the largest object; with red zones 8 and an alignment less */
	LM_CACHE_ALIGN_MAX = 4096,     /* bytes: the largest alignment */
	LM_CACHE_NAME_MAX = 127,       /* characters: the longest name */
};

/*
 * lm_cache_create - a cache.
 *
 * name: copied; for reports and lm_slabinfo; 1 to LM_CACHE_NAME_MAX characters, no blanks.  size: of an object, in
 * bytes, 1 to LM_CACHE_OBJECT_MAX.
 * align: a power of two up to LM_CACHE_ALIGN_MAX (below 8 it is 8), or 0 for the natural one (8 bytes, 16 from 16
 * bytes on).
 * flags: LM_CACHE_..., or 0.
 * ctor: NULL, or called once for each object when its slab is made. An object must be freed in the state that it
 * left. It runs with no lock held, but must not use the cache that it is for.
 * dtor: NULL, or called once for each object when its slab goes, with no lock held: in any call with the cache, in
 * malloc_trim, in free(3) of an object, and in any allocation that finds memory short. Both must return.
 * Result: the cache; NULL with EINVAL (and a line that says what was wrong), ENOMEM, or ENOSPC (there are too many
 * caches).
 */
struct lm_cache *lm_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				 void (*ctor)(void *object), void (*dtor)(void *object));

/* lm_cache_alloc - an object, constructed if there is a constructor; NULL with ENOMEM, and no line. */
void *lm_cache_alloc(struct lm_cache *cache);

/*
 * lm_cache_alloc_flags - as lm_cache_alloc, with LM_ZERO (EINVAL if the cache has a constructor), LM_NORETRY,
 * LM_NOFAIL, LM_NOWARN, or LM_NOSYSCALL: for signal handlers too, a free object of the slabs that there are; EAGAIN if
 * there is none, or somebody else uses the slabs just now. Objects in magazines are not seen. If there is no memory, a
 * line says so, unless LM_NOWARN or LM_NOSYSCALL is set.
 */
void *lm_cache_alloc_flags(struct lm_cache *cache, unsigned flags);

/*
 * lm_cache_free - gives an object back.
 *
 * object: NULL (nothing is done), or of this cache, or one that shares its slabs. One that is not, or is free already,
 * is reported and the process stops.
 */
void lm_cache_free(struct lm_cache *cache, void *object);

/* lm_cache_alloc_bulk - `count` objects into `objects`: count; or 0 with ENOMEM, no line, and none is taken. */
size_t lm_cache_alloc_bulk(struct lm_cache *cache, size_t count, void **objects);

/* lm_cache_free_bulk - gives `count` objects back. */
void lm_cache_free_bulk(struct lm_cache *cache, size_t count, void **objects);

/*
 * lm_cache_shrink - gives back this thread's spare objects of the cache and all its empty slabs: the bytes of the slabs
 * that went.
 */
size_t lm_cache_shrink(struct lm_cache *cache);

/*
 * lm_cache_destroy - ends a cache that no thread uses any more.
 *
 * Result: 0; or how many objects are live: their number and addresses (the first 16) are then told on standard error.
 * In that case nothing is freed and the cache stays as it was. NULL: 0. If caches share slabs (merge_caches), only the
 * end of the last one looks for live objects.
 */
size_t lm_cache_destroy(struct lm_cache *cache);

struct lm_cache_info {
	const char *name;     /* valid while the cache is */
	size_t object_bytes;  /* as asked for */
	size_t stride_bytes;  /* from one object to the next */
	size_t align_bytes;
	size_t slab_objects;  /* in one slab */
	size_t slab_pages;
	size_t slabs;         /* now: full, partial and empty ones */
	size_t empty_slabs;   /* of these, without an object that is live or that a thread has at hand */
	size_t live_objects;  /* handed out and not freed */
};

/*
 * lm_cache_info - a cache's numbers now. Objects in other threads' magazines are counted roughly while those run.
 */
void lm_cache_info(struct lm_cache *cache, struct lm_cache_info *info);

/*
 * lm_cache_of - the cache to which a live object belongs; of caches that share slabs, the oldest. NULL if no live
 * object begins there; a free object is not live. Not fast: it looks through what all threads have at hand.
 */
struct lm_cache *lm_cache_of(const void *object);

#ifdef __cplusplus
}
#endif

#endif
