/*
 * libmalloc/kernel/kmalloc.h - kmalloc and its family, over lm_malloc(3). libmalloc-kernel(3).
 *
 * As the kernel documents:
 * - For 0 bytes the result is ZERO_SIZE_PTR, and for more than KMALLOC_MAX_SIZE bytes it is NULL.
 * - The address of a block is a multiple of the largest power of two that divides its size. So the address of a block
 *   of 2^n bytes is a multiple of 2^n.
 * - kfree also takes NULL, ZERO_SIZE_PTR and objects of caches, and so does ksize.
 *
 * ksize calls malloc_usable_size(3) of this library. If another malloc_usable_size takes its place, ksize is 0: so
 * under valgrind without --soname-synonyms=somalloc=nouserintercepts.
 *
 * Differences from the kernel: only virtual addresses are contiguous; and a NUMA node as an argument has no effect,
 * because the system chooses the node of a page when the process first touches it (set_mempolicy(2)).
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

/* ksize - the bytes of a block, at least as many as requested. Use only the requested ones. NULL: 0. */
static inline size_t ksize(const void *block)
{
	return ZERO_OR_NULL_PTR(block) ? 0 : malloc_usable_size((void *)(uintptr_t)block);
}

static inline void kfree(const void *block)
{
	if (!ZERO_OR_NULL_PTR(block))
		lm_kvfree((void *)(uintptr_t)block);
}

/* Zeroes the block. The compiler must not remove this, although nobody reads the zeros. */
static inline void lm_kernel_forget(const void *block, size_t size)
{
	memset((void *)(uintptr_t)block, 0, size);
	__asm__ __volatile__("" : : "r"(block) : "memory");
}

/* kfree_sensitive - zeroes the block, then kfree: for secrets. */
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

/* Keeps the block. With __GFP_ZERO it zeroes the bytes from `size` to the end. */
static inline void *lm_kernel_in_place(const void *block, size_t size, size_t usable, gfp_t gfp)
{
	char *bytes = (char *)(uintptr_t)block;
	if ((gfp & __GFP_ZERO) != 0)
		memset(bytes + size, 0, usable - size);
	return bytes;
}

/* Moves the content to another block, which has kmalloc's alignment for the new size. No memory: NULL. */
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
 * krealloc to more bytes than the block has. It moves the block only if a system call is allowed, because it must free
 * the old block. If the length is unknown (usable is 0), lm_realloc keeps the content: it knows the length of each
 * block of this library. Other blocks it passes to the malloc that they came from, or reports them. The length is
 * unknown under a valgrind that replaces malloc_usable_size, and with another malloc in front of this library.
 */
static inline void *lm_kernel_grown(const void *block, size_t size, size_t usable, gfp_t gfp)
{
	unsigned flags = lm_kernel_flags(gfp) & LM_KERNEL_HEAP_FLAGS;
	if (usable != 0 && (flags & LM_NOSYSCALL) == 0 && (size & -size) > ARCH_KMALLOC_MINALIGN)
		return lm_kernel_moved(block, size, usable, gfp);
	return lm_realloc((void *)(uintptr_t)block, size, flags);
}

/*
 * krealloc - changes the size of a block. A block that is NULL or ZERO_SIZE_PTR: as kmalloc. Size 0: as kfree, and the
 * result is ZERO_SIZE_PTR. On failure NULL, and the block stays valid.
 *
 * As in the kernel, krealloc cannot fail if the new size fits into the block. The block then keeps its place and its
 * length. There is one exception: if its address lacks kmalloc's alignment for the new size, krealloc moves the block
 * if there is memory for it. With __GFP_ZERO new bytes are zero, if all earlier calls for the block had __GFP_ZERO.
 *
 * Difference from the kernel: with GFP_NOWAIT a block never moves, because freeing the old one may need a system call.
 * So a size that does not fit fails.
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

/* The forms that take a type, of kernels since 2026: kmalloc_obj(*pointer), kmalloc_obj(struct foo, GFP_ATOMIC). */
#define LM_KERNEL_GFP(unused, gfp, ...) (gfp)
#define LM_KERNEL_OBJECTS(function, count, type, ...) \
	((__typeof__(type) *)function(size_mul(count, sizeof(type)), \
				      LM_KERNEL_GFP(unused, ##__VA_ARGS__, GFP_KERNEL, unused)))
#define kmalloc_obj(type, ...) LM_KERNEL_OBJECTS(kmalloc, 1, type, ##__VA_ARGS__)
#define kzalloc_obj(type, ...) LM_KERNEL_OBJECTS(kzalloc, 1, type, ##__VA_ARGS__)
#define kmalloc_objs(type, count, ...) LM_KERNEL_OBJECTS(kmalloc, count, type, ##__VA_ARGS__)
#define kzalloc_objs(type, count, ...) LM_KERNEL_OBJECTS(kzalloc, count, type, ##__VA_ARGS__)

#endif
