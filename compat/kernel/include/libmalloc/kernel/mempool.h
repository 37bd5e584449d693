/*
 * libmalloc/kernel/mempool.h - mempool_..., over lm_reserve_create(3). libmalloc-kernel(3).
 *
 * As the kernel documents, mempool_alloc asks the allocator first, with __GFP_NOWARN added, and takes an element of the
 * reserve only if the allocator fails. If the reserve is empty too, the GFP flags decide: if they let it sleep, it
 * waits for a mempool_free and never fails; otherwise it returns NULL.
 *
 * Differences from the kernel:
 * - An alloc function does not get the caller's flags, but GFP_KERNEL, GFP_ATOMIC or GFP_NOWAIT, whichever says the
 *   same about sleeping, and __GFP_ZERO if the caller gave it.
 * - An element of the reserve has the content that it had at mempool_free, even with __GFP_ZERO. The kernel warns then.
 * - A mempool that is created with 0 elements gets 1.
 *
 * The library reports a use after mempool_exit. It reports a second mempool_free of an element only if the mempool is
 * not full and would return this element next.
 */
#ifndef LIBMALLOC_KERNEL_MEMPOOL_H
#define LIBMALLOC_KERNEL_MEMPOOL_H

#include <libmalloc/kernel/cache.h>
#include <libmalloc/kernel/kmalloc.h>
#include <libmalloc/kernel/page.h>
#include <libmalloc/kernel/vmalloc.h>
#include <libmalloc/pool.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void *(mempool_alloc_t)(gfp_t gfp, void *pool_data);
typedef void(mempool_free_t)(void *element, void *pool_data);

/* Its owner writes it in mempool_init and mempool_exit. Between these only min_nr changes, in mempool_resize. */
typedef struct mempool_s {
	int min_nr;
	void *pool_data;
	mempool_alloc_t *alloc;     /* NULL before mempool_init and after mempool_exit */
	mempool_free_t *free;
	struct lm_reserve *reserve; /* kept after mempool_exit, so that the library reports a later use */
} mempool_t;

/* The GFP flags that the alloc function gets. */
static inline gfp_t lm_kernel_reserve_gfp(unsigned flags)
{
	gfp_t gfp = GFP_KERNEL;
	if ((flags & LM_NOSYSCALL) != 0)
		gfp = GFP_NOWAIT;
	else if ((flags & LM_NORETRY) != 0)
		gfp = GFP_ATOMIC;
	if ((flags & LM_ZERO) != 0)
		gfp |= __GFP_ZERO;
	return gfp | __GFP_NOWARN;
}

static inline void *lm_kernel_reserve_alloc(unsigned flags, void *context)
{
	mempool_t *pool = (mempool_t *)context;
	return pool->alloc(lm_kernel_reserve_gfp(flags), pool->pool_data);
}

static inline void lm_kernel_reserve_free(void *element, void *context)
{
	mempool_t *pool = (mempool_t *)context;
	pool->free(element, pool->pool_data);
}

static inline bool mempool_initialized(mempool_t *pool)
{
	return pool->alloc != NULL;
}

static inline int mempool_init(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
			       void *pool_data)
{
	pool->min_nr = min_nr > 0 ? min_nr : 1;
	pool->pool_data = pool_data;
	pool->alloc = alloc_fn;
	pool->free = free_fn;
	pool->reserve = lm_reserve_create((size_t)pool->min_nr, lm_kernel_reserve_alloc, lm_kernel_reserve_free, pool);
	if (pool->reserve == NULL)
		pool->alloc = NULL;
	return pool->reserve == NULL ? -ENOMEM : 0;
}

/* mempool_exit - has no effect on a mempool that is all zero, or after another mempool_exit. */
static inline void mempool_exit(mempool_t *pool)
{
	if (!mempool_initialized(pool))
		return;
	lm_reserve_destroy(pool->reserve);
	pool->alloc = NULL;
}

static inline mempool_t *mempool_create(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					void *pool_data)
{
	mempool_t *pool = (mempool_t *)kzalloc(sizeof(*pool), GFP_KERNEL);
	if (pool == NULL)
		return NULL;
	if (mempool_init(pool, min_nr, alloc_fn, free_fn, pool_data) != 0) {
		kfree(pool);
		return NULL;
	}
	return pool;
}

static inline mempool_t *mempool_create_node(int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
					     void *pool_data, gfp_t gfp, int node)
{
	(void)gfp;
	(void)node;
	return mempool_create(min_nr, alloc_fn, free_fn, pool_data);
}

static inline int mempool_init_node(mempool_t *pool, int min_nr, mempool_alloc_t *alloc_fn, mempool_free_t *free_fn,
				    void *pool_data, gfp_t gfp, int node)
{
	(void)gfp;
	(void)node;
	return mempool_init(pool, min_nr, alloc_fn, free_fn, pool_data);
}

static inline void mempool_destroy(mempool_t *pool)
{
	if (pool == NULL)
		return;
	mempool_exit(pool);
	kfree(pool);
}

/*
 * mempool_resize - 0; -ENOMEM; or -EINVAL if the number is below 1. As in the kernel, no other thread may resize or
 * destroy the mempool at the same time.
 */
static inline int mempool_resize(mempool_t *pool, int new_min_nr)
{
	if (new_min_nr <= 0)
		return -EINVAL;
	if (lm_reserve_resize(pool->reserve, (size_t)new_min_nr) != 0)
		return -ENOMEM;
	__atomic_store_n(&pool->min_nr, new_min_nr, __ATOMIC_RELAXED);
	return 0;
}

static inline void *mempool_alloc(mempool_t *pool, gfp_t gfp)
{
	unsigned flags = lm_kernel_flags(gfp & ~(__GFP_NORETRY | __GFP_NOFAIL)) & LM_KERNEL_CACHE_FLAGS;
	if (gfpflags_allow_blocking(gfp) || (gfp & __GFP_NOFAIL) != 0)
		flags = (flags & LM_ZERO) | LM_NOFAIL;
	return lm_reserve_alloc(pool->reserve, flags | LM_NOWARN);
}

static inline void mempool_free(void *element, mempool_t *pool)
{
	if (element != NULL)
		lm_reserve_free(pool->reserve, element);
}

static inline bool mempool_is_saturated(mempool_t *pool)
{
	return lm_reserve_level(pool->reserve) >= (size_t)__atomic_load_n(&pool->min_nr, __ATOMIC_RELAXED);
}

/* Elements from a cache without a constructor: pool_data is the cache. */
static inline void *mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	return kmem_cache_alloc((struct kmem_cache *)pool_data, gfp);
}

static inline void mempool_free_slab(void *element, void *pool_data)
{
	kmem_cache_free((struct kmem_cache *)pool_data, element);
}

static inline int mempool_init_slab_pool(mempool_t *pool, int min_nr, struct kmem_cache *cache)
{
	return mempool_init(pool, min_nr, mempool_alloc_slab, mempool_free_slab, cache);
}

static inline mempool_t *mempool_create_slab_pool(int min_nr, struct kmem_cache *cache)
{
	return mempool_create(min_nr, mempool_alloc_slab, mempool_free_slab, cache);
}

/* Elements from kmalloc: pool_data is the size in bytes. */
static inline void *mempool_kmalloc(gfp_t gfp, void *pool_data)
{
	return kmalloc((size_t)pool_data, gfp);
}

static inline void *mempool_kzalloc(gfp_t gfp, void *pool_data)
{
	return kzalloc((size_t)pool_data, gfp);
}

static inline void mempool_kfree(void *element, void *pool_data)
{
	(void)pool_data;
	kfree(element);
}

static inline int mempool_init_kmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

static inline mempool_t *mempool_create_kmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kmalloc, mempool_kfree, (void *)size);
}

static inline mempool_t *mempool_create_kzalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kzalloc, mempool_kfree, (void *)size);
}

/* Elements from kvmalloc: pool_data is the size in bytes. */
static inline void *mempool_kvmalloc(gfp_t gfp, void *pool_data)
{
	return kvmalloc((size_t)pool_data, gfp);
}

static inline void mempool_kvfree(void *element, void *pool_data)
{
	(void)pool_data;
	kvfree(element);
}

static inline int mempool_init_kvmalloc_pool(mempool_t *pool, int min_nr, size_t size)
{
	return mempool_init(pool, min_nr, mempool_kvmalloc, mempool_kvfree, (void *)size);
}

static inline mempool_t *mempool_create_kvmalloc_pool(int min_nr, size_t size)
{
	return mempool_create(min_nr, mempool_kvmalloc, mempool_kvfree, (void *)size);
}

/* Elements of 2^order pages, each a struct page *: pool_data is the order. */
static inline void *mempool_alloc_pages(gfp_t gfp, void *pool_data)
{
	return alloc_pages(gfp, (unsigned int)(uintptr_t)pool_data);
}

static inline void mempool_free_pages(void *element, void *pool_data)
{
	__free_pages((struct page *)element, (unsigned int)(uintptr_t)pool_data);
}

static inline int mempool_init_page_pool(mempool_t *pool, int min_nr, int order)
{
	return mempool_init(pool, min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(long)order);
}

static inline mempool_t *mempool_create_page_pool(int min_nr, int order)
{
	return mempool_create(min_nr, mempool_alloc_pages, mempool_free_pages, (void *)(long)order);
}

#endif
