/*
 * libmalloc/kernel/ctor.h - constructors and destructors of kernels up to 2.6.22, which also get the cache and flags.
 *
 *	void ctor(void *object, struct kmem_cache *cache, unsigned long flags);
 *
 * A constructor of lm_cache_create gets only the object. So a cache with an old constructor or destructor takes a slot.
 * Each slot has functions of its own, which call the old ones with the further arguments. The program, or the shared
 * library that includes these headers, has LM_KERNEL_CTOR_MAX slots. With no slot left, kmem_cache_create fails with
 * ENOSPC.
 *
 * Invariant: a slot is free (claimed is 0), or it belongs to one cache from kmem_cache_create to kmem_cache_destroy.
 * Only these two write it. A thread that calls the constructor sees the fields, because it got the cache from the
 * thread that created it. `cache` is atomic, because threads that look for another cache's slot read it too.
 */
#ifndef LIBMALLOC_KERNEL_CTOR_H
#define LIBMALLOC_KERNEL_CTOR_H

#include <errno.h>
#include <stddef.h>

struct kmem_cache;
typedef void (*lm_kernel_ctor)(void *object, struct kmem_cache *cache, unsigned long flags);

#define SLAB_CTOR_CONSTRUCTOR 0x001UL /* the flags of each call of a constructor; a destructor gets 0 */
#define SLAB_CTOR_ATOMIC 0x002UL      /* never set: a constructor here may sleep */
#define SLAB_CTOR_VERIFY 0x004UL      /* never set: no constructor is called to verify an object */

enum { LM_KERNEL_CTOR_MAX = 16 };

struct lm_kernel_ctor_slot {
	int claimed; /* 0 or 1, exchanged atomically */
	struct kmem_cache *cache; /* relaxed; NULL until the cache exists */
	lm_kernel_ctor ctor, dtor;
};

#ifdef __cplusplus
extern "C" {
#endif
/* Weak: the linker keeps one table for all files of a program. */
__attribute__((weak, visibility("hidden"))) struct lm_kernel_ctor_slot lm_kernel_ctor_slots[LM_KERNEL_CTOR_MAX];
#ifdef __cplusplus
}
#endif

static inline struct kmem_cache *lm_kernel_ctor_cache(const struct lm_kernel_ctor_slot *slot)
{
	return __atomic_load_n(&slot->cache, __ATOMIC_RELAXED);
}

/* The two functions of one slot. */
#define LM_KERNEL_CTOR_PAIR(index) \
	static inline void lm_kernel_ctor_##index(void *object) \
	{ \
		struct lm_kernel_ctor_slot *slot = &lm_kernel_ctor_slots[index]; \
		slot->ctor(object, lm_kernel_ctor_cache(slot), SLAB_CTOR_CONSTRUCTOR); \
	} \
	static inline void lm_kernel_dtor_##index(void *object) \
	{ \
		struct lm_kernel_ctor_slot *slot = &lm_kernel_ctor_slots[index]; \
		slot->dtor(object, lm_kernel_ctor_cache(slot), 0); \
	}
#define LM_KERNEL_CTOR_EACH(of) \
	of(0) of(1) of(2) of(3) of(4) of(5) of(6) of(7) of(8) of(9) of(10) of(11) of(12) of(13) of(14) of(15)
#define LM_KERNEL_CTOR_NAME(index) lm_kernel_ctor_##index,
#define LM_KERNEL_DTOR_NAME(index) lm_kernel_dtor_##index,

LM_KERNEL_CTOR_EACH(LM_KERNEL_CTOR_PAIR)

static inline void (*lm_kernel_ctor_function(const struct lm_kernel_ctor_slot *slot))(void *)
{
	static void (*const functions[LM_KERNEL_CTOR_MAX])(void *) = {LM_KERNEL_CTOR_EACH(LM_KERNEL_CTOR_NAME)};
	return functions[slot - lm_kernel_ctor_slots];
}

static inline void (*lm_kernel_dtor_function(const struct lm_kernel_ctor_slot *slot))(void *)
{
	static void (*const functions[LM_KERNEL_CTOR_MAX])(void *) = {LM_KERNEL_CTOR_EACH(LM_KERNEL_DTOR_NAME)};
	return functions[slot - lm_kernel_ctor_slots];
}

/* Takes a free slot for these two, still without a cache. No free slot: NULL with ENOSPC. */
static inline struct lm_kernel_ctor_slot *lm_kernel_ctor_claim(lm_kernel_ctor ctor, lm_kernel_ctor dtor)
{
	struct lm_kernel_ctor_slot *slot = lm_kernel_ctor_slots;
	for (; slot < lm_kernel_ctor_slots + LM_KERNEL_CTOR_MAX; slot++) {
		/* acquire: pairs with the release in lm_kernel_ctor_free */
		if (__atomic_exchange_n(&slot->claimed, 1, __ATOMIC_ACQUIRE) == 0) {
			slot->ctor = ctor;
			slot->dtor = dtor;
			return slot;
		}
	}
	errno = ENOSPC;
	return NULL;
}

/* Makes the slot free. NULL has no effect. */
static inline void lm_kernel_ctor_free(struct lm_kernel_ctor_slot *slot)
{
	if (slot == NULL)
		return;
	__atomic_store_n(&slot->cache, NULL, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->claimed, 0, __ATOMIC_RELEASE); /* pairs with lm_kernel_ctor_claim */
}

/* Writes the new cache into its slot. NULL (it was not created): makes the slot free. */
static inline void lm_kernel_ctor_bind(struct lm_kernel_ctor_slot *slot, struct kmem_cache *cache)
{
	if (cache == NULL)
		lm_kernel_ctor_free(slot);
	else
		__atomic_store_n(&slot->cache, cache, __ATOMIC_RELAXED);
}

/* The slot of a live cache, or NULL if it has none. */
static inline struct lm_kernel_ctor_slot *lm_kernel_ctor_find(const struct kmem_cache *cache)
{
	struct lm_kernel_ctor_slot *slot = lm_kernel_ctor_slots;
	for (; cache != NULL && slot < lm_kernel_ctor_slots + LM_KERNEL_CTOR_MAX; slot++) {
		if (lm_kernel_ctor_cache(slot) == cache)
			return slot;
	}
	return NULL;
}

#endif
