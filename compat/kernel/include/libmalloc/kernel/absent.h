/*
 * libmalloc/kernel/absent.h - names of the kernel that have no meaning in a process. Using one is a compiler error,
 * whose text gives the reason and what to use instead. libmalloc-kernel(3).
 *
 *	name					reason
 *	dma_alloc_coherent dma_alloc_attrs dma_free_... dma_pool_...
 *						a process has no device and knows no bus address
 *	ioremap ioremap_... iounmap vremap	a process knows no physical address
 *	virt_to_phys phys_to_virt __pa __va	the same
 *	alloc_bootmem alloc_bootmem_... free_bootmem memblock_alloc memblock_free
 *						not needed: the allocator serves the first call of the process
 *	vmap vunmap				the pages of a process cannot be mapped a second time
 *	is_vmalloc_addr				the library does not tell; kvfree takes both kinds of block
 *	vmalloc_32				vmalloc takes no zone; kmalloc and alloc_pages do
 *	get_page put_page page_count		a page has one owner; nobody counts its users
 *	kfree_rcu kvfree_rcu SLAB_TYPESAFE_BY_RCU SLAB_DESTROY_BY_RCU
 *						there is no RCU: nobody knows when the last reader is done
 *	mempool_alloc_preallocated		a reserve always asks its allocator first
 *	memdup_user memdup_user_nul memdup_array_user vmemdup_user strndup_user copy_to_user copy_from_user
 *						there is one address space; use kmemdup, kstrdup or memcpy
 */
#ifndef LIBMALLOC_KERNEL_ABSENT_H
#define LIBMALLOC_KERNEL_ABSENT_H

#define LM_KERNEL_ABSENT(name, type, reason) extern type lm_kernel_absent_##name(void) __attribute__((error(reason)))

#ifdef __cplusplus
extern "C" {
#endif
LM_KERNEL_ABSENT(dma, void *, "a process has no device and no bus address: get memory that a device uses from its "
			      "driver (mmap of its file), and other memory from alloc_pages_exact");
LM_KERNEL_ABSENT(physical, void *, "a process knows no physical addresses: map a device's memory by mmap of its file "
				   "(UIO, VFIO, /sys/bus/pci)");
LM_KERNEL_ABSENT(boot, void *, "there is no boot memory in a process: the allocator serves the very first call; use "
			       "vmalloc, which has no limit of size");
LM_KERNEL_ABSENT(vmap, void *, "pages of a process cannot be mapped a second time: use vmalloc, or mmap of a memfd");
LM_KERNEL_ABSENT(is_vmalloc, int, "the library does not tell whether a block is from vmalloc: kvfree takes both kinds");
LM_KERNEL_ABSENT(vmalloc_32, void *, "vmalloc takes no zone: use kmalloc or alloc_pages with GFP_DMA32");
LM_KERNEL_ABSENT(reference, int, "nobody counts the users of a page here: its owner keeps it until free_pages");
LM_KERNEL_ABSENT(rcu, unsigned, "there is no RCU here: nobody knows when the last reader of an object is done");
LM_KERNEL_ABSENT(preallocated, void *, "a reserve always asks its allocator first: use mempool_alloc with GFP_NOWAIT");
LM_KERNEL_ABSENT(user, void *, "there is no other address space: use kmemdup, kstrdup or memcpy");
#ifdef __cplusplus
}
#endif

#define dma_alloc_coherent(...) lm_kernel_absent_dma()
#define dma_free_coherent(...) lm_kernel_absent_dma()
#define dma_alloc_attrs(...) lm_kernel_absent_dma()
#define dma_free_attrs(...) lm_kernel_absent_dma()
#define dma_pool_create(...) lm_kernel_absent_dma()
#define dma_pool_alloc(...) lm_kernel_absent_dma()
#define dma_pool_zalloc(...) lm_kernel_absent_dma()
#define dma_pool_free(...) lm_kernel_absent_dma()
#define dma_pool_destroy(...) lm_kernel_absent_dma()
#define ioremap(...) lm_kernel_absent_physical()
#define ioremap_nocache(...) lm_kernel_absent_physical()
#define ioremap_wc(...) lm_kernel_absent_physical()
#define ioremap_wt(...) lm_kernel_absent_physical()
#define ioremap_uc(...) lm_kernel_absent_physical()
#define ioremap_cache(...) lm_kernel_absent_physical()
#define iounmap(...) lm_kernel_absent_physical()
#define vremap(...) lm_kernel_absent_physical()
#define virt_to_phys(...) lm_kernel_absent_physical()
#define phys_to_virt(...) lm_kernel_absent_physical()
#define __pa(...) lm_kernel_absent_physical()
#define __va(...) lm_kernel_absent_physical()
#define alloc_bootmem(...) lm_kernel_absent_boot()
#define alloc_bootmem_pages(...) lm_kernel_absent_boot()
#define alloc_bootmem_low(...) lm_kernel_absent_boot()
#define alloc_bootmem_low_pages(...) lm_kernel_absent_boot()
#define free_bootmem(...) lm_kernel_absent_boot()
#define memblock_alloc(...) lm_kernel_absent_boot()
#define memblock_free(...) lm_kernel_absent_boot()
#define vmap(...) lm_kernel_absent_vmap()
#define vunmap(...) lm_kernel_absent_vmap()
#define is_vmalloc_addr(...) lm_kernel_absent_is_vmalloc()
#define vmalloc_32(...) lm_kernel_absent_vmalloc_32()
#define get_page(...) lm_kernel_absent_reference()
#define put_page(...) lm_kernel_absent_reference()
#define page_count(...) lm_kernel_absent_reference()
#define kfree_rcu(...) lm_kernel_absent_rcu()
#define kvfree_rcu(...) lm_kernel_absent_rcu()
#define SLAB_TYPESAFE_BY_RCU lm_kernel_absent_rcu()
#define SLAB_DESTROY_BY_RCU lm_kernel_absent_rcu()
#define mempool_alloc_preallocated(...) lm_kernel_absent_preallocated()
#define memdup_user(...) lm_kernel_absent_user()
#define memdup_user_nul(...) lm_kernel_absent_user()
#define memdup_array_user(...) lm_kernel_absent_user()
#define vmemdup_user(...) lm_kernel_absent_user()
#define strndup_user(...) lm_kernel_absent_user()
#define copy_to_user(...) lm_kernel_absent_user()
#define copy_from_user(...) lm_kernel_absent_user()

#endif
