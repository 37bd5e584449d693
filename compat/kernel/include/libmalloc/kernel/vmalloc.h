/*
 * libmalloc/kernel/vmalloc.h - vmalloc, kvmalloc and their families, over lm_vmalloc(3). libmalloc-kernel(3).
 *
 * All memory of a process is only virtually contiguous, that of kmalloc too. So vmalloc differs from kmalloc in two
 * points: the size has no limit, and an access to the page behind the range faults.
 *
 * Difference from the kernel: the GFP flags of __vmalloc have no effect. The memory is always zero, and __vmalloc may
 * make system calls.
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

/* vmalloc_user - zeroed, as in the kernel. */
static inline void *vmalloc_user(unsigned long size)
{
	return lm_vzalloc(size);
}

/* vmalloc_huge - the system decides whether it uses huge pages: see MADV_HUGEPAGE in madvise(2). */
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

/* __vmalloc(size, gfp), or up to 5.7 with a pgprot_t too: PAGE_KERNEL, readable and writable, is the only one here. */
#define PAGE_KERNEL 0
#define __vmalloc(size, ...) lm_vzalloc(size)

static inline void vfree(const void *range)
{
	lm_vfree((void *)(uintptr_t)range);
}

/* kvmalloc - memory from kmalloc or vmalloc. As in the kernel, a size above INT_MAX is a mistake: NULL with ENOMEM. */
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

/* kvfree - frees a block of kmalloc, vmalloc or kvmalloc. */
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

/* kvmemdup - a copy; free it with kvfree. */
static inline void *kvmemdup(const void *source, size_t size, gfp_t gfp)
{
	void *copy = kvmalloc(size, gfp);
	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, source, size);
	return copy;
}

/*
 * Copies the content of a block to `copy`, which has `size` bytes and is longer, frees the block and returns `copy`. If
 * the block's length is unknown (see lm_kernel_grown), lm_realloc first makes it at least `size` bytes long. If that
 * fails, or copy is NULL: frees `copy` and returns NULL; the block stays valid.
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

/* As krealloc: a block keeps its place if the size fits. With GFP_NOWAIT a size that does not fit fails. */
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

/* kvrealloc(block, size, gfp), or up to 6.11 kvrealloc(block, old_size, size, gfp). */
#ifdef __cplusplus
extern "C"
#endif
void *lm_kernel_kvrealloc_miscounted(void) __attribute__((error(
	"kvrealloc takes (block, size, gfp), or as up to Linux 6.11 (block, old_size, size, gfp)")));
#define LM_KERNEL_KVREALLOC_MISCOUNTED(...) lm_kernel_kvrealloc_miscounted()
#define LM_KERNEL_SEVENTH(first, second, third, fourth, fifth, sixth, seventh, ...) seventh
#define kvrealloc(...) \
	LM_KERNEL_SEVENTH(__VA_ARGS__, LM_KERNEL_KVREALLOC_MISCOUNTED, LM_KERNEL_KVREALLOC_MISCOUNTED, \
			  lm_kernel_kvrealloc_sized, lm_kernel_kvrealloc, LM_KERNEL_KVREALLOC_MISCOUNTED, \
			  LM_KERNEL_KVREALLOC_MISCOUNTED, unused)(__VA_ARGS__)

/* vrealloc - as krealloc, but for size 0 the result is NULL, and it may make system calls. */
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
