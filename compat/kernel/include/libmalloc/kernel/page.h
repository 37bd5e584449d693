/*
 * libmalloc/kernel/page.h - whole pages of the buddy system, over lm_pages_alloc(3). libmalloc-kernel(3).
 *
 * A `struct page *` is the address of the page itself. struct page has the size of a page, so page + 1 is the next
 * page, and page_address and kmap return the same address. struct page has no fields: a process cannot reach what the
 * kernel records of its pages (use counts, the mapping, lists). A page has 4 KiB, whatever the page size of the system
 * is.
 */
#ifndef LIBMALLOC_KERNEL_PAGE_H
#define LIBMALLOC_KERNEL_PAGE_H

#include <libmalloc/kernel/gfp.h>
#include <libmalloc/page.h>

#include <stddef.h>
#include <stdint.h>

/* The text of these macros is the same as in <sys/user.h>, so that a program may include both. */
#define PAGE_SHIFT		12
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE-1))
#define PAGE_ALIGN(address) (((address) + PAGE_SIZE - 1) & PAGE_MASK)
#define PAGE_ALIGNED(address) (((uintptr_t)(address) & ~PAGE_MASK) == 0)
#define offset_in_page(address) ((uintptr_t)(address) & ~PAGE_MASK)

#define MAX_PAGE_ORDER LM_PAGE_MAX_ORDER
#define MAX_ORDER LM_PAGE_MAX_ORDER /* the largest order, as from 6.4 to 6.7; in older kernels one more */
#define NR_PAGE_ORDERS (LM_PAGE_MAX_ORDER + 1)

struct page {
	unsigned char lm_kernel_content[1UL << PAGE_SHIFT];
};

/* get_order - the least order of which 2^order pages hold `size` bytes; size is 1 or more. */
static inline int get_order(unsigned long size)
{
	unsigned long pages = (size - 1) >> PAGE_SHIFT;
	return pages == 0 ? 0 : 64 - __builtin_clzl(pages);
}

/* alloc_pages - 2^order pages, aligned to their size. NULL on failure, or if order is above MAX_PAGE_ORDER. */
static inline struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	if (order > MAX_PAGE_ORDER && (gfp & __GFP_NOWARN) != 0)
		return NULL;
	return (struct page *)lm_pages_alloc(order, lm_kernel_flags(gfp) & LM_KERNEL_PAGE_FLAGS);
}

static inline struct page *alloc_pages_node(int node, gfp_t gfp, unsigned int order)
{
	(void)node;
	return alloc_pages(gfp, order);
}

static inline struct page *alloc_page(gfp_t gfp)
{
	return alloc_pages(gfp, 0);
}

static inline void __free_pages(struct page *page, unsigned int order)
{
	lm_pages_free(page, order);
}

static inline void __free_page(struct page *page)
{
	__free_pages(page, 0);
}

/* free_hot_page - in kernels before 2.6.35 it puts the page on top of a CPU's list. Here it is __free_page. */
static inline void free_hot_page(struct page *page)
{
	__free_page(page);
}

/* __get_free_pages - as alloc_pages, but the result is an address, or 0 on failure. */
static inline unsigned long __get_free_pages(gfp_t gfp, unsigned int order)
{
	return (unsigned long)alloc_pages(gfp, order);
}

/* get_free_pages - the name of __get_free_pages in some books, and before 2.4. */
static inline unsigned long get_free_pages(gfp_t gfp, unsigned int order)
{
	return __get_free_pages(gfp, order);
}

static inline unsigned long __get_free_page(gfp_t gfp)
{
	return __get_free_pages(gfp, 0);
}

static inline unsigned long __get_dma_pages(gfp_t gfp, unsigned int order)
{
	return __get_free_pages(gfp | GFP_DMA, order);
}

static inline unsigned long get_zeroed_page(gfp_t gfp)
{
	return __get_free_pages(gfp | __GFP_ZERO, 0);
}

static inline void free_pages(unsigned long address, unsigned int order)
{
	lm_pages_free((void *)address, order);
}

static inline void free_page(unsigned long address)
{
	free_pages(address, 0);
}

/* alloc_pages_exact - the least number of pages that hold `size` bytes. */
static inline void *alloc_pages_exact(size_t size, gfp_t gfp)
{
	return lm_pages_alloc_exact(size, lm_kernel_flags(gfp) & LM_KERNEL_PAGE_FLAGS);
}

static inline void free_pages_exact(void *pages, size_t size)
{
	lm_pages_free_exact(pages, size);
}

static inline void *page_address(const struct page *page)
{
	return (void *)(uintptr_t)page;
}

static inline void *page_to_virt(const struct page *page)
{
	return page_address(page);
}

static inline struct page *virt_to_page(const void *address)
{
	return (struct page *)((uintptr_t)address & PAGE_MASK);
}

static inline unsigned long page_to_pfn(const struct page *page)
{
	return (unsigned long)page >> PAGE_SHIFT;
}

static inline struct page *pfn_to_page(unsigned long number)
{
	return (struct page *)(number << PAGE_SHIFT);
}

/* High memory: each page of a process has an address, so kmap returns it, and kunmap has no effect. */
enum km_type { KM_USER0, KM_USER1, KM_BOUNCE_READ, KM_IRQ0, KM_IRQ1, KM_SOFTIRQ0, KM_SOFTIRQ1, KM_TYPE_NR };

static inline void *kmap(struct page *page)
{
	return page_address(page);
}

static inline void kunmap(struct page *page)
{
	(void)page;
}

static inline void *kmap_local_page(struct page *page)
{
	return page_address(page);
}

static inline void kunmap_local(const void *address)
{
	(void)address;
}

/* kmap_atomic(page), and kmap_atomic(page, KM_USER0) up to 3.3. */
#define kmap_atomic(page, ...) page_address(page)
#define kunmap_atomic(address, ...) kunmap_local(address)

static inline void clear_page(void *page)
{
	__builtin_memset(page, 0, PAGE_SIZE);
}

static inline void copy_page(void *to, const void *from)
{
	__builtin_memcpy(to, from, PAGE_SIZE);
}

#endif
