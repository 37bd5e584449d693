/*
 * libmalloc/kernel/kmalloc.h - kmalloc and its family, over lm_malloc(3). libmalloc-kernel(3).
 *
 * As documented for the kernel: 0 bytes yield ZERO_SIZE_PTR; more than KMALLOC_MAX_SIZE yield NULL; a block lies at a
 * multiple of the largest power of two that divides its size, so a block of 2^n bytes at a multiple of 2^n; kfree
 * takes NULL, ZERO_SIZE_PTR and objects of caches too, and ksize these, since lm_kvfree and malloc_usable_size(3) of
 * this library do. Another malloc_usable_size in its place, as in a valgrind without
 * --soname-synonyms=somalloc=nouserintercepts, knows no block.
 * Otherwise than there: memory is contiguous by virtual addresses alone, and nodes of NUMA are not told apart, for the
 * kernel places a process's pages when they are touched (set_mempolicy(2)).
 */
#ifndef LIBMALLOC_KERNEL_KMALLOC_H
#define LIBMALLOC_KERNEL_KMALLOC_H

#include <libmalloc/alloc.h>
#include <libmalloc/kernel/gfp.h>
#include <libmalloc/kernel/overflow.h>
#include <libmalloc/page.h>

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ZERO_SIZE_PTR ((void *)16)
#define ZERO_OR_NULL_PTR(pointer) ((uintptr_t)(pointer) <= (uintptr_t)ZERO_SIZE_PTR)

#define KMALLOC_MAX_SIZE ((size_t)LM_PAGE_SIZE << LM_PAGE_MAX_ORDER)
#define ARCH_KMALLOC_MINALIGN ((size_t)16)

#define NUMA_NO_NODE (-1)

static inline void *lm_kernel_no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static inline void *kmalloc(size_t size, gfp_t gfp)
{
	size_t align = size & -size;
	unsigned flags = lm_kernel_flags(gfp) & LM_KERNEL_HEAP_FLAGS;
	if (size == 0)
		return ZERO_SIZE_PTR;
	if (size > KMALLOC_MAX_SIZE)
		return lm_kernel_no_memory();
	return align <= ARCH_KMALLOC_MINALIGN ? lm_malloc(size, flags) : lm_aligned(align, size, flags);
}

static inline void *kzalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp | __GFP_ZERO);
}

static inline void *kmalloc_array(size_t count, size_t size, gfp_t gfp)
{
	return kmalloc(size_mul(count, size), gfp);
}

static inline void *kcalloc(size_t count, size_t size, gfp_t gfp)
{
	return kmalloc_array(count, size, gfp | __GFP_ZERO);
}

/* ksize - the bytes that a block really has, of which a program may use those that it asked for. NULL: 0. */
static inline size_t ksize(const void *block)
{
	return ZERO_OR_NULL_PTR(block) ? 0 : malloc_usable_size((void *)(uintptr_t)block);
}

static inline void kfree(const void *block)
{
	if (!ZERO_OR_NULL_PTR(block))
		lm_kvfree((void *)(uintptr_t)block);
}

/* To zeros, though nothing reads them: the compiler must not leave it out. */
static inline void lm_kernel_forget(const void *block, size_t size)
{
	memset((void *)(uintptr_t)block, 0, size);
	__asm__ __volatile__("" : : "r"(block) : "memory");
}

/* kfree_sensitive - kfree of what nobody is to find there. */
static inline void kfree_sensitive(const void *block)
{
	if (!ZERO_OR_NULL_PTR(block))
		lm_kernel_forget(block, ksize(block));
	kfree(block);
}

static inline void kzfree(const void *block)
{
	kfree_sensitive(block);
}

static inline void kfree_bulk(size_t count, void **blocks)
{
	size_t i;
	for (i = 0; i < count; i++)
		kfree(blocks[i]);
}

/* The block as it is, and with __GFP_ZERO zeros from `size` to its end. */
static inline void *lm_kernel_in_place(const void *block, size_t size, size_t usable, gfp_t gfp)
{
	char *bytes = (char *)(uintptr_t)block;
	if ((gfp & __GFP_ZERO) != 0)
		memset(bytes + size, 0, usable - size);
	return bytes;
}

/* A copy in another block, of the new size's alignment. */
static inline void *lm_kernel_moved(const void *block, size_t size, size_t usable, gfp_t gfp)
{
	void *copy = kmalloc(size, gfp);
	if (copy == NULL)
		return NULL;
	memcpy(copy, block, usable < size ? usable : size);
	kfree(block);
	return copy;
}

static inline bool lm_kernel_is_aligned(const void *block, size_t size)
{
	size_t align = size & -size;
	return align <= ARCH_KMALLOC_MINALIGN || ((uintptr_t)block & (align - 1)) == 0;
}

/*
 * Longer than the block is. Who may not enter the kernel cannot free the old one. One whose length is not told (by a
 * valgrind that has put its own malloc_usable_size in place of ours, or a malloc in front of ours) goes to lm_realloc,
 * which knows what is ours and otherwise asks that malloc or stops: nothing of it is lost.
 */
static inline void *lm_kernel_grown(const void *block, size_t size, size_t usable, gfp_t gfp)
{
	unsigned flags = lm_kernel_flags(gfp) & LM_KERNEL_HEAP_FLAGS;
	if (usable != 0 && (flags & LM_NOSYSCALL) == 0 && (size & -size) > ARCH_KMALLOC_MINALIGN)
		return lm_kernel_moved(block, size, usable, gfp);
	return lm_realloc((void *)(uintptr_t)block, size, flags);
}

/*
 * krealloc - NULL and ZERO_SIZE_PTR: kmalloc; size 0: kfree, and ZERO_SIZE_PTR. NULL: the block is as it was.
 *
 * As in the kernel a size that fits into the block leaves it where it is, as long as it was, and cannot fail; only
 * where kmalloc's alignment for the new size is not there, another block is taken if there is one. With __GFP_ZERO what
 * is new is zero, if all of the block's life was with __GFP_ZERO.
 * Otherwise than there: with GFP_NOWAIT a block never moves, for no block is freed without the kernel; so what does not
 * fit fails.
 */
static inline void *krealloc(const void *block, size_t size, gfp_t gfp)
{
	size_t usable;
	void *copy;
	if (ZERO_OR_NULL_PTR(block) || size > KMALLOC_MAX_SIZE)
		return kmalloc(size, gfp);
	if (size == 0) {
		kfree(block);
		return ZERO_SIZE_PTR;
	}
	usable = ksize(block);
	if (size > usable)
		return lm_kernel_grown(block, size, usable, gfp);
	if (lm_kernel_is_aligned(block, size) || (lm_kernel_flags(gfp) & LM_NOSYSCALL) != 0)
		return lm_kernel_in_place(block, size, usable, gfp);
	copy = lm_kernel_moved(block, size, usable, (gfp & ~__GFP_NOFAIL) | __GFP_NOWARN);
	return copy != NULL ? copy : lm_kernel_in_place(block, size, usable, gfp);
}

static inline void *krealloc_array(void *block, size_t count, size_t size, gfp_t gfp)
{
	return krealloc(block, size_mul(count, size), gfp);
}

static inline void *__kmalloc(size_t size, gfp_t gfp)
{
	return kmalloc(size, gfp);
}

static inline void *kmalloc_node(size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kmalloc(size, gfp);
}

static inline void *kzalloc_node(size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kzalloc(size, gfp);
}

static inline void *kmalloc_array_node(size_t count, size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kmalloc_array(count, size, gfp);
}

static inline void *kcalloc_node(size_t count, size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kcalloc(count, size, gfp);
}

/* The forms by type, of kernels since 2026: kmalloc_obj(*pointer), kmalloc_obj(struct foo, GFP_ATOMIC). */
#define LM_KERNEL_GFP(unused, gfp, ...) (gfp)
#define LM_KERNEL_OBJECTS(function, count, type, ...) \
	((__typeof__(type) *)function(size_mul(count, sizeof(type)), \
				      LM_KERNEL_GFP(unused, ##__VA_ARGS__, GFP_KERNEL, unused)))
#define kmalloc_obj(type, ...) LM_KERNEL_OBJECTS(kmalloc, 1, type, ##__VA_ARGS__)
#define kzalloc_obj(type, ...) LM_KERNEL_OBJECTS(kzalloc, 1, type, ##__VA_ARGS__)
#define kmalloc_objs(type, count, ...) LM_KERNEL_OBJECTS(kmalloc, count, type, ##__VA_ARGS__)
#define kzalloc_objs(type, count, ...) LM_KERNEL_OBJECTS(kzalloc, count, type, ##__VA_ARGS__)

#endif
