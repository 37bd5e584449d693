/* Pages by address, by struct page, and by size in bytes: alignment, orders, mappings of high memory. */
#include <libmalloc/kernel.h>

#include "check.h"

static void orders(void)
{
	unsigned int order;
	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		size_t size = PAGE_SIZE << order;
		unsigned long address = __get_free_pages(GFP_KERNEL, order);
		struct page *page = alloc_pages(GFP_KERNEL | __GFP_ZERO, order);
		check(address != 0 && (address & (size - 1)) == 0);
		check(page != NULL && aligned_to(page_address(page), size));
		memset((void *)address, 0x77, size);
		check(filled_with(page_address(page), 0, size));
		check(filled_with((void *)address, 0x77, size));
		__free_pages(page, order);
		free_pages(address, order);
	}
	check(__get_free_pages(GFP_KERNEL | __GFP_NOWARN, MAX_PAGE_ORDER + 1) == 0);
	check(alloc_pages(GFP_KERNEL | __GFP_NOWARN, MAX_ORDER + 1) == NULL);
	free_pages(0, 0);
}

static void single(void)
{
	unsigned long address = get_zeroed_page(GFP_KERNEL), other = __get_free_page(GFP_ATOMIC);
	struct page *page;
	check(filled_with((void *)address, 0, PAGE_SIZE) && other != 0 && PAGE_ALIGNED(other));
	copy_page((void *)other, (void *)address);
	clear_page((void *)address);
	free_page(address);
	free_page(other);
	address = __get_dma_pages(GFP_KERNEL, 1);
	check(address != 0 && address + 2 * PAGE_SIZE <= 1UL << 32);
	free_pages(address, 1);
	page = alloc_page(GFP_HIGHUSER);
	check(page != NULL);
	__free_page(page);
	page = alloc_pages_node(0, GFP_KERNEL | __GFP_COLD | __GFP_COMP, 0);
	check(page != NULL);
	free_hot_page(page);
}

/* A struct page * is the address of the page, and page + 1 is the next page. */
static void names_of_a_page(void)
{
	struct page *page = alloc_pages(GFP_HIGHUSER, 2);
	char *mapped = (char *)kmap(page + 3), *atomic;
	check(mapped == (char *)page_address(page) + 3 * PAGE_SIZE);
	strcpy(mapped + 10, "high");
	kunmap(page + 3);
	atomic = (char *)kmap_atomic(page + 3, KM_USER0);
	check(strcmp(atomic + 10, "high") == 0);
	kunmap_atomic(atomic, KM_USER0);
	atomic = (char *)kmap_atomic(page + 3);
	check(strcmp(atomic + 10, "high") == 0);
	kunmap_atomic(atomic);
	atomic = (char *)kmap_local_page(page);
	kunmap_local(atomic);
	check(virt_to_page(mapped + 10) == page + 3 && page_to_virt(page) == page_address(page));
	check(page_to_pfn(page + 1) == page_to_pfn(page) + 1 && pfn_to_page(page_to_pfn(page)) == page);
	check(offset_in_page(mapped + 10) == 10 && PAGE_ALIGN(4097UL) == 8192 && (8191 & PAGE_MASK) == 4096);
	__free_pages(page, 2);
}

static void exact(void)
{
	static const size_t sizes[] = {1, 4096, 4097, 3 * 4096, 5 * 4096 + 1, 100 * 4096, 4 << 20};
	size_t i;
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		void *pages = alloc_pages_exact(sizes[i], GFP_KERNEL | __GFP_ZERO);
		check(pages != NULL && aligned_to(pages, PAGE_SIZE) && filled_with(pages, 0, sizes[i]));
		memset(pages, 1, sizes[i]);
		free_pages_exact(pages, sizes[i]);
	}
	check(get_order(1) == 0 && get_order(4096) == 0 && get_order(4097) == 1 && get_order(8192) == 1);
	check(get_order(12288) == 2 && get_order(4 << 20) == 10 && get_order((4 << 20) + 1) == 11);
}

/* GFP_NOWAIT: a page that the library has already, aligned; or none. */
static void at_hand(void)
{
	unsigned int order;
	for (order = 0; order <= MAX_PAGE_ORDER; order++) {
		unsigned long address = __get_free_pages(GFP_NOWAIT, order), other = __get_free_pages(GFP_ATOMIC, order);
		check((address & ((PAGE_SIZE << order) - 1)) == 0 && other != 0);
		free_pages(other, order);
		if (address != 0)
			memset((void *)address, 1, PAGE_SIZE << order);
		free_pages(address, order);
	}
}

int main(void)
{
	orders();
	at_hand();
	single();
	names_of_a_page();
	exact();
	return 0;
}
