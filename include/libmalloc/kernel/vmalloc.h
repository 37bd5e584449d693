/*
 * libmalloc/kernel/vmalloc.h - vmalloc, kvmalloc and their families, over lm_vmalloc(3). libmalloc-kernel(3).
 *
 * Otherwise than in the kernel: all memory of a process is only virtually contiguous, so what vmalloc has over kmalloc
 * is no limit of size, and the page behind it that faults. Of __vmalloc's flags __GFP_ZERO alone matters (the memory
 * is zero in any case); it may make system calls.
 */
#ifndef LIBMALLOC_KERNEL_VMALLOC_H
#define LIBMALLOC_KERNEL_VMALLOC_H

#include <libmalloc/alloc.h>
#include <libmalloc/kernel/kmalloc.h>

#include <limits.h>

static inline void *vmalloc(unsigned long size)
{
	return lm_vmalloc(size);
}

static inline void *vzalloc(unsigned long size)
{
	return lm_vzalloc(size);
}

/* vmalloc_user - the kernel's is zeroed, for pages that a process will see. */
static inline void *vmalloc_user(unsigned long size)
{
	return lm_vzalloc(size);
}

/* vmalloc_huge - huge pages are the system's choice: see transparent huge pages in madvise(2). */
static inline void *vmalloc_huge(unsigned long size, gfp_t gfp)
{
	(void)gfp;
	return lm_vzalloc(size);
}

static inline void *vmalloc_node(unsigned long size, int node)
{
	(void)node;
	return vmalloc(size);
}

static inline void *vzalloc_node(unsigned long size, int node)
{
	(void)node;
	return vzalloc(size);
}

static inline void *vmalloc_array(size_t count, size_t size)
{
	return vmalloc(size_mul(count, size));
}

static inline void *vcalloc(size_t count, size_t size)
{
	return vzalloc(size_mul(count, size));
}

/* __vmalloc(size, gfp), and with a pgprot_t up to 5.7: PAGE_KERNEL, readable and writable, is the only one here. */
#define PAGE_KERNEL 0
#define __vmalloc(size, ...) lm_vzalloc(size)

static inline void vfree(const void *range)
{
	lm_vfree((void *)(uintptr_t)range);
}

/* kvmalloc - kmalloc, or else vmalloc. As in the kernel no more than INT_MAX bytes, lest a mistake ask for them. */
static inline void *kvmalloc(size_t size, gfp_t gfp)
{
	if (size <= LM_PAGE_SIZE)
		return kmalloc(size, gfp);
	if (size > INT_MAX)
		return lm_kernel_no_memory();
	return lm_kvmalloc(size, lm_kernel_flags(gfp) & LM_KERNEL_HEAP_FLAGS);
}

static inline void *kvzalloc(size_t size, gfp_t gfp)
{
	return kvmalloc(size, gfp | __GFP_ZERO);
}

static inline void *kvmalloc_array(size_t count, size_t size, gfp_t gfp)
{
	return kvmalloc(size_mul(count, size), gfp);
}

static inline void *kvcalloc(size_t count, size_t size, gfp_t gfp)
{
	return kvzalloc(size_mul(count, size), gfp);
}

static inline void *kvmalloc_node(size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kvmalloc(size, gfp);
}

static inline void *kvzalloc_node(size_t size, gfp_t gfp, int node)
{
	(void)node;
	return kvzalloc(size, gfp);
}

/* kvfree - of kmalloc, vmalloc or kvmalloc. */
static inline void kvfree(const void *block)
{
	if (!ZERO_OR_NULL_PTR(block))
		lm_kvfree((void *)(uintptr_t)block);
}

static inline void kvfree_sensitive(const void *block, size_t size)
{
	if (!ZERO_OR_NULL_PTR(block))
		lm_kernel_forget(block, size);
	kvfree(block);
}

/* kvmemdup - a copy, for kvfree. */
static inline void *kvmemdup(const void *source, size_t size, gfp_t gfp)
{
	void *copy = kvmalloc(size, gfp);
	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, source, size);
	return copy;
}

/*
 * The content of a block into `copy`, which is longer, and the block freed: `copy`. A block whose length is not told
 * (see krealloc) is made at least as long first. NULL: the block is as it was, and the copy is gone.
 */
static inline void *lm_kernel_replaced(const void *block, size_t size, void *copy)
{
	void *old = (void *)(uintptr_t)block;
	size_t usable = ksize(block);
	if (copy != NULL && usable == 0) {
		usable = size;
		old = lm_realloc(old, size, 0);
	}
	if (copy == NULL || old == NULL) {
		lm_kvfree(copy);
		return NULL;
	}
	memcpy(copy, old, usable < size ? usable : size);
	lm_kvfree(old);
	return copy;
}

/* As krealloc: what fits stays, and what does not fails with GFP_NOWAIT. */
static inline void *lm_kernel_kvrealloc(const void *block, size_t size, gfp_t gfp)
{
	if (ZERO_OR_NULL_PTR(block))
		return kvmalloc(size, gfp);
	if (size == 0) {
		kvfree(block);
		return ZERO_SIZE_PTR;
	}
	if (size <= ksize(block))
		return lm_kernel_in_place(block, size, ksize(block), gfp);
	if ((lm_kernel_flags(gfp) & LM_NOSYSCALL) != 0)
		return lm_realloc((void *)(uintptr_t)block, size, lm_kernel_flags(gfp) & LM_KERNEL_HEAP_FLAGS);
	return lm_kernel_replaced(block, size, kvmalloc(size, gfp));
}

static inline void *lm_kernel_kvrealloc_sized(const void *block, size_t old, size_t size, gfp_t gfp)
{
	(void)old;
	return lm_kernel_kvrealloc(block, size, gfp);
}

/* kvrealloc(block, size, gfp), and kvrealloc(block, old_size, size, gfp) up to 6.11. */
#define LM_KERNEL_FOURTH(first, second, third, fourth, ...) fourth
#define kvrealloc(block, ...) \
	LM_KERNEL_FOURTH(__VA_ARGS__, lm_kernel_kvrealloc_sized, lm_kernel_kvrealloc, unused)(block, __VA_ARGS__)

/* vrealloc - as krealloc, but size 0 yields NULL; and it may make system calls. */
static inline void *vrealloc(const void *range, size_t size, gfp_t gfp)
{
	if (size == 0) {
		vfree(range);
		return NULL;
	}
	if (range == NULL)
		return lm_vzalloc(size);
	if (size <= ksize(range))
		return lm_kernel_in_place(range, size, ksize(range), gfp);
	return lm_kernel_replaced(range, size, lm_vzalloc(size));
}

#endif
