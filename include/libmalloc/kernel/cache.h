/*
 * libmalloc/kernel/cache.h - kmem_cache_..., over lm_cache_create(3). libmalloc-kernel(3).
 *
 * A struct kmem_cache is a struct lm_cache under the kernel's name; neither shows what is in it.
 * Otherwise than in the kernel: an object has at most LM_CACHE_OBJECT_MAX bytes (128 KiB, as in 2.6.18) and an
 * alignment of at most 4096; a name has no blanks; __GFP_ZERO on a cache with a constructor is EINVAL (there: a
 * warning). As there, kmem_cache_destroy with live objects names them and leaves the cache as it was.
 */
#ifndef LIBMALLOC_KERNEL_CACHE_H
#define LIBMALLOC_KERNEL_CACHE_H

#include <libmalloc/cache.h>
#include <libmalloc/kernel/ctor.h>
#include <libmalloc/kernel/gfp.h>
#include <libmalloc/kernel/kmalloc.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned int slab_flags_t;

#define SLAB_RED_ZONE ((slab_flags_t)0x400u)       /* LM_CACHE_RED_ZONE */
#define SLAB_POISON ((slab_flags_t)0x800u)         /* LM_CACHE_POISON; with a constructor dropped, as in the kernel */
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)0x2000u) /* LM_CACHE_HWALIGN */
#define SLAB_PANIC ((slab_flags_t)0x40000u)        /* LM_CACHE_PANIC */
#define SLAB_NO_MERGE ((slab_flags_t)0x1000000u)   /* LM_CACHE_NO_MERGE */

#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x100u) /* nothing more than usual: every free is checked */
#define SLAB_CACHE_DMA ((slab_flags_t)0x4000u)         /* nothing: no device sees these addresses. kmalloc: GFP_DMA */
#define SLAB_CACHE_DMA32 ((slab_flags_t)0x8000u)       /* nothing: see SLAB_CACHE_DMA */
#define SLAB_STORE_USER ((slab_flags_t)0x10000u)       /* nothing: who called is not kept; valgrind(1), gdb(1) tell */
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)0x20000u)  /* nothing: groups pages for the kernel's shrinkers */
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT            /* nothing: the same */
#define SLAB_MEM_SPREAD ((slab_flags_t)0x100000u)      /* nothing: for NUMA nodes see set_mempolicy(2) */
#define SLAB_TRACE ((slab_flags_t)0x200000u)           /* nothing: ltrace(1) and uprobes trace the calls */
#define SLAB_DEBUG_OBJECTS ((slab_flags_t)0)           /* nothing: of a kernel's debug build */
#define SLAB_NOLEAKTRACE ((slab_flags_t)0x800000u)     /* nothing: no kmemleak */
#define SLAB_FAILSLAB ((slab_flags_t)0)                /* nothing: of a kernel's debug build */
#define SLAB_ACCOUNT ((slab_flags_t)0x4000000u)        /* nothing: a process's memory is counted to its group anyway */
#define SLAB_KASAN ((slab_flags_t)0)                   /* nothing: no KASAN */
#define SLAB_NO_USER_FLAGS ((slab_flags_t)0)           /* nothing: no flags come from a command line */

/* Of older kernels. */
#define SLAB_MUST_HWCACHE_ALIGN SLAB_HWCACHE_ALIGN /* up to 2.6.22, where the other was a wish */
#define SLAB_DEBUG_FREE SLAB_CONSISTENCY_CHECKS    /* its name up to 4.5 */
#define SLAB_DEBUG_INITIAL ((slab_flags_t)0)       /* nothing, up to 2.6.22: no constructor is called to verify */
#define SLAB_NOTRACK ((slab_flags_t)0)             /* nothing, up to 4.14: no kmemcheck */
/* SLAB_TYPESAFE_BY_RCU, SLAB_DESTROY_BY_RCU: see absent.h. */

/* The GFP flags' names for caches, up to 2.6.19. */
#define SLAB_KERNEL GFP_KERNEL
#define SLAB_ATOMIC GFP_ATOMIC
#define SLAB_USER GFP_USER
#define SLAB_NOFS GFP_NOFS
#define SLAB_NOIO GFP_NOIO
#define SLAB_DMA GFP_DMA

struct kmem_cache;
typedef struct kmem_cache kmem_cache_t;

static inline struct lm_cache *lm_kernel_cache(struct kmem_cache *cache)
{
	return (struct lm_cache *)cache;
}

static inline unsigned lm_kernel_cache_flags(slab_flags_t slab, bool constructed)
{
	unsigned flags = (slab & SLAB_HWCACHE_ALIGN) != 0 ? LM_CACHE_HWALIGN : 0;
	if ((slab & SLAB_POISON) != 0 && !constructed)
		flags |= LM_CACHE_POISON;
	if ((slab & SLAB_RED_ZONE) != 0)
		flags |= LM_CACHE_RED_ZONE;
	if ((slab & SLAB_NO_MERGE) != 0)
		flags |= LM_CACHE_NO_MERGE;
	if ((slab & SLAB_PANIC) != 0)
		flags |= LM_CACHE_PANIC;
	return flags;
}

static inline struct kmem_cache *lm_kernel_cache_create(const char *name, size_t size, size_t align,
							slab_flags_t flags, void (*ctor)(void *),
							void (*dtor)(void *))
{
	unsigned lm_flags = lm_kernel_cache_flags(flags, ctor != NULL);
	if (align != 0 && align < sizeof(void *))
		align = sizeof(void *);
	return (struct kmem_cache *)lm_cache_create(name, size, align, lm_flags, ctor, dtor);
}

/* kmem_cache_create of 2.6.23 to 6.11, which later kernels still take. NULL with errno: see lm_cache_create(3). */
static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, slab_flags_t flags,
						   void (*ctor)(void *))
{
	return lm_kernel_cache_create(name, size, align, flags, ctor, NULL);
}

/* What is there besides size and flags, from 6.12 on. */
struct kmem_cache_args {
	unsigned int align;
	unsigned int useroffset;     /* nothing: see kmem_cache_create_usercopy */
	unsigned int usersize;       /* nothing: the same */
	unsigned int freeptr_offset; /* nothing: no pointer of ours lies in a free object */
	bool use_freeptr_offset;     /* nothing: the same */
	void (*ctor)(void *);
	unsigned int sheaf_capacity; /* nothing: magazines have the size that is needed */
};

static inline struct kmem_cache *lm_kernel_cache_create_args(const char *name, size_t size,
							     const struct kmem_cache_args *args, slab_flags_t flags)
{
	if (args == NULL)
		return kmem_cache_create(name, size, 0, flags, NULL);
	return kmem_cache_create(name, size, args->align, flags, args->ctor);
}

/* kmem_cache_create of up to 2.6.22: what its constructor and destructor get besides, ctor.h provides. */
static inline struct kmem_cache *lm_kernel_cache_create_ctor(const char *name, size_t size, size_t align,
							     slab_flags_t flags, lm_kernel_ctor ctor,
							     lm_kernel_ctor dtor)
{
	struct lm_kernel_ctor_slot *slot = NULL;
	struct kmem_cache *cache;
	if (ctor != NULL || dtor != NULL) {
		slot = lm_kernel_ctor_claim(ctor, dtor);
		if (slot == NULL)
			return NULL;
	}
	cache = lm_kernel_cache_create(name, size, align, flags, ctor == NULL ? NULL : lm_kernel_ctor_function(slot),
				       dtor == NULL ? NULL : lm_kernel_dtor_function(slot));
	if (slot != NULL)
		lm_kernel_ctor_bind(slot, cache);
	return cache;
}

/* By the number of arguments: (name, size, args, flags); (name, size, align, flags, ctor); and that with a dtor. */
#ifdef __cplusplus
static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, const struct kmem_cache_args *args,
						   slab_flags_t flags)
{
	return lm_kernel_cache_create_args(name, size, args, flags);
}

static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, slab_flags_t flags,
						   lm_kernel_ctor ctor, lm_kernel_ctor dtor)
{
	return lm_kernel_cache_create_ctor(name, size, align, flags, ctor, dtor);
}
#else
#define LM_KERNEL_SEVENTH(first, second, third, fourth, fifth, sixth, seventh, ...) seventh
#define kmem_cache_create(...) \
	LM_KERNEL_SEVENTH(__VA_ARGS__, lm_kernel_cache_create_ctor, kmem_cache_create, lm_kernel_cache_create_args, \
			  few, few, few, few)(__VA_ARGS__)
#endif

/* kmem_cache_create_usercopy - copies to a process are not checked: there is none but this one. */
static inline struct kmem_cache *kmem_cache_create_usercopy(const char *name, size_t size, size_t align,
							    slab_flags_t flags, size_t useroffset, size_t usersize,
							    void (*ctor)(void *))
{
	(void)useroffset;
	(void)usersize;
	return lm_kernel_cache_create(name, size, align, flags, ctor, NULL);
}

#define KMEM_CACHE(type, flags) \
	lm_kernel_cache_create(#type, sizeof(struct type), __alignof__(struct type), flags, NULL, NULL)
#define KMEM_CACHE_USERCOPY(type, flags, field) KMEM_CACHE(type, flags)

static inline void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	unsigned flags = lm_kernel_flags(gfp) & LM_KERNEL_CACHE_FLAGS;
	if (flags == 0)
		return lm_cache_alloc(lm_kernel_cache(cache));
	return lm_cache_alloc_flags(lm_kernel_cache(cache), flags);
}

static inline void *kmem_cache_zalloc(struct kmem_cache *cache, gfp_t gfp)
{
	return kmem_cache_alloc(cache, gfp | __GFP_ZERO);
}

static inline void *kmem_cache_alloc_node(struct kmem_cache *cache, gfp_t gfp, int node)
{
	(void)node;
	return kmem_cache_alloc(cache, gfp);
}

/* kmem_cache_free - NULL does nothing; the kernel's would crash. */
static inline void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	lm_cache_free(lm_kernel_cache(cache), object);
}

/* cache NULL: each object's own, or kfree. */
static inline void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects)
{
	if (cache == NULL)
		kfree_bulk(count, objects);
	else
		lm_cache_free_bulk(lm_kernel_cache(cache), count, objects);
}

/* kmem_cache_alloc_bulk - count; or 0, and none is taken. */
static inline int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t count, void **objects)
{
	size_t i;
	if ((lm_kernel_flags(gfp) & LM_KERNEL_CACHE_FLAGS) == 0)
		return (int)lm_cache_alloc_bulk(lm_kernel_cache(cache), count, objects);
	for (i = 0; i < count; i++) {
		objects[i] = kmem_cache_alloc(cache, gfp);
		if (objects[i] == NULL) {
			lm_cache_free_bulk(lm_kernel_cache(cache), i, objects);
			return 0;
		}
	}
	return (int)count;
}

/* kmem_cache_shrink - 0: all empty slabs were given back, as in the kernel. */
static inline int kmem_cache_shrink(struct kmem_cache *cache)
{
	lm_cache_shrink(lm_kernel_cache(cache));
	return 0;
}

/* kmem_cache_destroy - 0; or 1 (up to 2.6.18; later its result is void), and objects are live. NULL: 0. */
static inline int kmem_cache_destroy(struct kmem_cache *cache)
{
	struct lm_kernel_ctor_slot *slot = lm_kernel_ctor_find(cache);
	if (lm_cache_destroy(lm_kernel_cache(cache)) != 0)
		return 1;
	lm_kernel_ctor_free(slot);
	return 0;
}

static inline unsigned int kmem_cache_size(struct kmem_cache *cache)
{
	struct lm_cache_info info;
	lm_cache_info(lm_kernel_cache(cache), &info);
	return (unsigned int)info.object_bytes;
}

/* kmem_cache_name - up to 2.6.38. */
static inline const char *kmem_cache_name(struct kmem_cache *cache)
{
	struct lm_cache_info info;
	lm_cache_info(lm_kernel_cache(cache), &info);
	return info.name;
}

#endif
