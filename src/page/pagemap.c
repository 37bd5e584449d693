/*
 * pagemap.c - see pagemap.h.
 */
#include "page/pagemap.h"

#include "base/bits.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/meta.h"

/* Almost all of it is never touched: a program uses two or three entries. */
struct page_leaf *_Atomic pagemap_root[ROOT_ENTRIES];

static bool leaf_ensure(uintptr_t index)
{
	if (index >= ROOT_ENTRIES)
		return false;
	if (atomic_load_explicit(&pagemap_root[index], memory_order_acquire) != NULL)
		return true;
	struct page_leaf *leaf = os_map_private(sizeof(struct page_leaf));
	if (leaf == NULL)
		return false;
	struct page_leaf *expected = NULL;
	/* Release pairs with the acquire in pagemap_leaf. Two threads may race to here: one leaf stays. */
	if (atomic_compare_exchange_strong_explicit(&pagemap_root[index], &expected, leaf, memory_order_release,
						    memory_order_relaxed))
		meta_count_mapped(sizeof(struct page_leaf));
	else
		os_unmap(leaf, round_up(sizeof(struct page_leaf), os_page_size()));
	return true;
}

bool pagemap_ensure(uintptr_t page, size_t npages)
{
	uintptr_t last = (page + npages - 1) / LEAF_PAGES;
	for (uintptr_t index = page / LEAF_PAGES; index <= last; index++)
		if (!leaf_ensure(index))
			return false;
	return true;
}

uint8_t pagemap_kind(uintptr_t page)
{
	struct page_leaf *leaf = pagemap_leaf(page);
	if (leaf == NULL)
		return PAGE_NONE;
	return atomic_load_explicit(&leaf->kind[pagemap_index(page)], memory_order_relaxed);
}

void pagemap_set_kind(uintptr_t page, uint8_t kind)
{
	atomic_store_explicit(&pagemap_leaf(page)->kind[pagemap_index(page)], kind, memory_order_relaxed);
}

bool pagemap_claim_kind(uintptr_t page, uint8_t from, uint8_t to)
{
	struct page_leaf *leaf = pagemap_leaf(page);
	return leaf != NULL &&
	       atomic_compare_exchange_strong_explicit(&leaf->kind[pagemap_index(page)], &from, to,
						       memory_order_relaxed, memory_order_relaxed);
}

union page_link *pagemap_link(uintptr_t page) { return &pagemap_leaf(page)->link[pagemap_index(page)]; }

void pagemap_set_class(uintptr_t page, size_t npages, unsigned size_class)
{
	_Atomic uint8_t *class_of = &pagemap_leaf(page)->class_of[pagemap_index(page)];
	for (size_t i = 0; i < npages; i++)
		atomic_store_explicit(&class_of[i], (uint8_t)size_class, memory_order_relaxed);
}

/* A walk over the words of the dirty bits under [page, page + npages): one step a word of 64 pages. */
struct dirty_walk {
	uint64_t *word;
	uint64_t mask;
};

static struct dirty_walk dirty_step(uintptr_t *page, size_t *npages)
{
	unsigned first = *page % 64;
	unsigned count = (unsigned)size_min(64 - first, *npages);
	struct dirty_walk step = {
		.word = &pagemap_leaf(*page)->dirty[pagemap_index(*page) / 64],
		.mask = bit_range(first, count),
	};
	*page += count;
	*npages -= count;
	return step;
}

size_t pagemap_count_dirty(uintptr_t page, size_t npages)
{
	size_t count = 0;
	while (npages > 0) {
		struct dirty_walk step = dirty_step(&page, &npages);
		count += count_bits(*step.word & step.mask);
	}
	return count;
}

void pagemap_set_dirty(uintptr_t page, size_t npages, bool dirty)
{
	while (npages > 0) {
		struct dirty_walk step = dirty_step(&page, &npages);
		*step.word = dirty ? *step.word | step.mask : *step.word & ~step.mask;
	}
}

void pagemap_set_dirty_mask(uintptr_t page, size_t npages, uint32_t mask)
{
	struct dirty_walk step = dirty_step(&page, &npages);
	*step.word = (*step.word & ~step.mask) | ((uint64_t)mask << low_bit(step.mask) & step.mask);
}

uint32_t pagemap_dirty_mask(uintptr_t page, size_t npages)
{
	struct dirty_walk step = dirty_step(&page, &npages);
	return (uint32_t)((*step.word & step.mask) >> low_bit(step.mask));
}

uintptr_t pagemap_find_below(uintptr_t page, uint8_t kind)
{
	if (page >= (uintptr_t)ROOT_ENTRIES * LEAF_PAGES)
		return 0;
	while (page > 0) {
		if (pagemap_leaf(page) == NULL)
			page = round_down(page, LEAF_PAGES);
		else if (pagemap_kind(page) == kind)
			return page;
		if (page > 0)
			page--;
	}
	return 0;
}
