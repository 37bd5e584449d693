/*
 * libmalloc/kernel/cache.h - kmem_cache_..., over lm_cache_create(3). libmalloc-kernel(3).
 *
 * A struct kmem_cache is a struct lm_cache under the kernel's name. Both are opaque.
 *
 * Differences from the kernel:
 * - An object has at most LM_CACHE_OBJECT_MAX bytes (128 KiB, as in 2.6.18), and its alignment is at most 4096.
 * - The name of a cache has no blanks.
 * - __GFP_ZERO on a cache with a constructor fails with EINVAL. The kernel only warns.
 *
 * As in the kernel, kmem_cache_destroy of a cache with live objects prints a line about them and keeps the cache.
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
#define SLAB_POISON ((slab_flags_t)0x800u)         /* LM_CACHE_POISON; no effect with a constructor, as in the kernel */
#define SLAB_HWCACHE_ALIGN ((slab_flags_t)0x2000u) /* LM_CACHE_HWALIGN */
#define SLAB_PANIC ((slab_flags_t)0x40000u)        /* LM_CACHE_PANIC */
#define SLAB_NO_MERGE ((slab_flags_t)0x1000000u)   /* LM_CACHE_NO_MERGE */

#define SLAB_CONSISTENCY_CHECKS ((slab_flags_t)0x100u) /* no effect: every free is checked anyway */
#define SLAB_CACHE_DMA ((slab_flags_t)0x4000u)         /* no effect: no device sees these addresses */
#define SLAB_CACHE_DMA32 ((slab_flags_t)0x8000u)       /* no effect: see SLAB_CACHE_DMA */
#define SLAB_STORE_USER ((slab_flags_t)0x10000u)       /* no effect: callers are not recorded; see valgrind(1) */
#define SLAB_RECLAIM_ACCOUNT ((slab_flags_t)0x20000u)  /* no effect: it groups pages for the kernel's shrinkers */
#define SLAB_TEMPORARY SLAB_RECLAIM_ACCOUNT            /* no effect: the same */
#define SLAB_MEM_SPREAD ((slab_flags_t)0x100000u)      /* no effect: for NUMA nodes see set_mempolicy(2) */
#define SLAB_TRACE ((slab_flags_t)0x200000u)           /* no effect: ltrace(1) and uprobes trace the calls */
#define SLAB_DEBUG_OBJECTS ((slab_flags_t)0)           /* no effect: for debug builds of the kernel */
#define SLAB_NOLEAKTRACE ((slab_flags_t)0x800000u)     /* no effect: no kmemleak */
#define SLAB_FAILSLAB ((slab_flags_t)0)                /* no effect: for debug builds of the kernel */
#define SLAB_ACCOUNT ((slab_flags_t)0x4000000u)        /* no effect: the control group counts all memory of a process */
#define SLAB_KASAN ((slab_flags_t)0)                   /* no effect: no KASAN */
#define SLAB_NO_USER_FLAGS ((slab_flags_t)0)           /* no effect: there are no flags from a command line */

/* Of older kernels. */
#define SLAB_MUST_HWCACHE_ALIGN SLAB_HWCACHE_ALIGN /* up to 2.6.22, where SLAB_HWCACHE_ALIGN was a hint */
#define SLAB_DEBUG_FREE SLAB_CONSISTENCY_CHECKS    /* its name up to 4.5 */
#define SLAB_DEBUG_INITIAL ((slab_flags_t)0)       /* up to 2.6.22. No effect: no constructor is called to verify */
#define SLAB_NOTRACK ((slab_flags_t)0)             /* up to 4.14. No effect: no kmemcheck */
/* For SLAB_TYPESAFE_BY_RCU and SLAB_DESTROY_BY_RCU see absent.h. */

/* The names that GFP flags had for caches, up to 2.6.19. */
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

/*
 * kmem_cache_create - the form of 2.6.23 to 6.11, which later kernels still accept. On failure NULL with an errno of
 * lm_cache_create(3).
 */
static inline struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, slab_flags_t flags,
						   void (*ctor)(void *))
{
	return lm_kernel_cache_create(name, size, align, flags, ctor, NULL);
}

/* The arguments besides size and flags, from 6.12 on. */
struct kmem_cache_args {
	unsigned int align;
	unsigned int useroffset;     /* no effect: see kmem_cache_create_usercopy */
	unsigned int usersize;       /* no effect: the same */
	unsigned int freeptr_offset; /* no effect: a free object holds no pointer of the allocator */
	bool use_freeptr_offset;     /* no effect: the same */
	void (*ctor)(void *);
	unsigned int sheaf_capacity; /* no effect: the library chooses the size of magazines */
};

static inline struct kmem_cache *lm_kernel_cache_create_args(const char *name, size_t size,
							     const struct kmem_cache_args *args, slab_flags_t flags)
{
	if (args == NULL)
		return kmem_cache_create(name, size, 0, flags, NULL);
	return kmem_cache_create(name, size, args->align, flags, args->ctor);
}

/* kmem_cache_create, the form up to 2.6.22: ctor.h gives constructor and destructor their further arguments. */
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

/* The number of arguments chooses: (name, size, args, flags), (name, size, align, flags, ctor) or (..., ctor, dtor). */
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
extern struct kmem_cache *lm_kernel_cache_create_miscounted(void) __attribute__((error(
	"kmem_cache_create takes (name, size, args, flags), (name, size, align, flags, ctor) or (..., ctor, dtor)")));
#define LM_KERNEL_CREATE_MISCOUNTED(...) lm_kernel_cache_create_miscounted()
#define LM_KERNEL_TENTH(first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, ...) tenth
#define kmem_cache_create(...) \
	LM_KERNEL_TENTH(__VA_ARGS__, LM_KERNEL_CREATE_MISCOUNTED, LM_KERNEL_CREATE_MISCOUNTED, \
			LM_KERNEL_CREATE_MISCOUNTED, lm_kernel_cache_create_ctor, kmem_cache_create, \
			lm_kernel_cache_create_args, LM_KERNEL_CREATE_MISCOUNTED, LM_KERNEL_CREATE_MISCOUNTED, \
			LM_KERNEL_CREATE_MISCOUNTED, unused)(__VA_ARGS__)
#endif

/* kmem_cache_create_usercopy - as kmem_cache_create: the region for copies to a process has no effect here. */
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

/* kmem_cache_free - NULL has no effect. In the kernel it crashes. */
static inline void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	lm_cache_free(lm_kernel_cache(cache), object);
}

/* kmem_cache_free_bulk - with cache NULL, each object goes back to its own cache, or to kmalloc. */
static inline void kmem_cache_free_bulk(struct kmem_cache *cache, size_t count, void **objects)
{
	if (cache == NULL)
		kfree_bulk(count, objects);
	else
		lm_cache_free_bulk(lm_kernel_cache(cache), count, objects);
}

/* kmem_cache_alloc_bulk - allocates `count` objects and returns `count`; or none, and returns 0. */
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

/* kmem_cache_shrink - gives all empty slabs back, and returns 0. */
static inline int kmem_cache_shrink(struct kmem_cache *cache)
{
	lm_cache_shrink(lm_kernel_cache(cache));
	return 0;
}

/* kmem_cache_destroy - 0; or 1 if objects are live. NULL: 0. In the kernel the result is void from 2.6.19 on. */
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

/* kmem_cache_name - of kernels up to 2.6.38. */
static inline const char *kmem_cache_name(struct kmem_cache *cache)
{
	struct lm_cache_info info;
	lm_cache_info(lm_kernel_cache(cache), &info);
	return info.name;
}

#endif
