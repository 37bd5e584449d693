/*
 * libmalloc/cache.h - object caches: slabs of one kind of object, like Bonwick's (USENIX 1994) and the kernel's
 * kmem_cache. lm_cache_create(3).
 *
 * If a function gets a destroyed cache, one line on standard error says so, and the process stops. The library finds
 * this until 4096 more caches are destroyed.
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
#define LM_CACHE_POISON 0x2u   /* free objects are filled, and checked when they are handed out; not with a
				  constructor or destructor */
#define LM_CACHE_RED_ZONE 0x4u /* bytes before and behind each object are checked when it is freed */
#define LM_CACHE_NO_MERGE 0x8u /* slabs of its own, even if the option merge_caches is set (libmalloc(3)) */
#define LM_CACHE_PANIC 0x10u   /* if lm_cache_create fails, it says why and stops the process */

enum {
	LM_CACHE_OBJECT_MAX = 1 << 17, /* bytes: the largest object; with red zones 8 and the alignment less */
	LM_CACHE_ALIGN_MAX = 4096,     /* bytes: the largest alignment */
	LM_CACHE_NAME_MAX = 127,       /* characters: the longest name */
};

/*
 * lm_cache_create - makes a cache.
 *
 * name: for reports and lm_slabinfo; 1 to LM_CACHE_NAME_MAX characters without blanks or control
 * characters; copied.
 * size: of an object, in bytes, 1 to LM_CACHE_OBJECT_MAX.
 * align: in bytes; a power of two up to LM_CACHE_ALIGN_MAX (below 8 it is taken as 8), or 0 for 8, and 16 if an object
 * has 16 bytes or more.
 * flags: LM_CACHE_..., or 0.
 * ctor: NULL, or called once for each object when its slab is made. The program must free an object in the state in
 * which ctor left it.
 * dtor: NULL, or called once for each object when its slab is given back. That may be in any function of the cache, in
 * malloc_trim, in free(3) of an object, and in any allocation that finds memory short.
 * ctor and dtor run with no lock held, must not use the cache that they belong to, and must return.
 * Result: the cache; NULL with EINVAL (a line on standard error says what is right), ENOMEM, or ENOSPC (there are too
 * many caches).
 */
struct lm_cache *lm_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				 void (*ctor)(void *object), void (*dtor)(void *object));

/*
 * lm_cache_alloc - takes an object, constructed if there is a constructor. NULL with ENOMEM, without a line on standard
 * error.
 */
void *lm_cache_alloc(struct lm_cache *cache);

/*
 * lm_cache_alloc_flags - like lm_cache_alloc, with flags of lm_malloc(3).
 *
 * flags: LM_ZERO (EINVAL if the cache has a constructor), LM_NORETRY, LM_NOFAIL, LM_NOWARN, LM_NOSYSCALL, or 0. With
 * LM_NOSYSCALL it may be called in a signal handler, and takes a free object of an existing slab. It does not find
 * objects that threads have at hand.
 * Result: an object; NULL with ENOMEM, EINVAL (bad flags), or EAGAIN (LM_NOSYSCALL: there is no free object in the
 * slabs, or somebody else is using them). With ENOMEM a line on standard error says so, unless LM_NOWARN is set.
 */
void *lm_cache_alloc_flags(struct lm_cache *cache, unsigned flags);

/*
 * lm_cache_free - gives an object back.
 *
 * object: NULL, which is ignored, or an object of this cache or of one that shares its slabs. Any other pointer, and an
 * object that is free already, is reported, and the process stops.
 */
void lm_cache_free(struct lm_cache *cache, void *object);

/*
 * lm_cache_alloc_bulk - takes `count` objects and writes their addresses to `objects`. Result: `count`; or 0 with
 * ENOMEM, without a line on standard error, and no object is taken.
 */
size_t lm_cache_alloc_bulk(struct lm_cache *cache, size_t count, void **objects);

/* lm_cache_free_bulk - gives `count` objects back, each as lm_cache_free does. */
void lm_cache_free_bulk(struct lm_cache *cache, size_t count, void **objects);

/*
 * lm_cache_shrink - gives back the objects that this thread has at hand, and then all empty slabs. Result: the bytes of
 * these slabs.
 */
size_t lm_cache_shrink(struct lm_cache *cache);

/*
 * lm_cache_destroy - ends a cache that no thread uses any more.
 *
 * Result: 0 (also for NULL), or how many objects are live. If any is live, nothing is freed, the cache stays as it was,
 * and lines on standard error name the first 16 objects and the number of all. If caches share slabs (merge_caches),
 * only the end of the last one looks for live objects.
 */
size_t lm_cache_destroy(struct lm_cache *cache);

struct lm_cache_info {
	const char *name;     /* valid as long as the cache */
	size_t object_bytes;  /* as asked for */
	size_t stride_bytes;  /* from one object to the next */
	size_t align_bytes;
	size_t slab_objects;  /* objects in one slab */
	size_t slab_pages;    /* pages of 4096 bytes in one slab */
	size_t slabs;         /* all slabs: full, partial and empty ones */
	size_t empty_slabs;   /* slabs without an object that is live or that a thread has at hand */
	size_t live_objects;  /* objects handed out and not freed */
};

/* lm_cache_info - fills `info`. While other threads use the cache, live_objects is approximate. */
void lm_cache_info(struct lm_cache *cache, struct lm_cache_info *info);

/*
 * lm_cache_of - the cache to which a live object belongs; if caches share slabs, the oldest of them. NULL if no live
 * object begins at the address. Slow: it looks through all objects that threads have at hand.
 */
struct lm_cache *lm_cache_of(const void *object);

#ifdef __cplusplus
}
#endif

#endif
