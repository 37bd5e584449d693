/*
 * pagemap.c - see pagemap.h.
 */
#include "page/pagemap.h"

#include "base/bits.h"
#include "os/brk.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/meta.h"

/* Almost all of it is never touched: a program uses two or three entries. */
struct page_leaf *_Atomic pagemap_root[ROOT_ENTRIES];

struct page_leaf pagemap_window;

/* In a line that nobody writes: every free reads it. */
cache_line_aligned _Atomic uintptr_t pagemap_window_base = WINDOW_UNCLAIMED;

/* Maps `bytes` for *entry if it is NULL. Two threads may race to here: one mapping stays. */
static bool install(void *_Atomic *entry, size_t bytes)
{
	void *expected = NULL;
	if (atomic_load_explicit(entry, memory_order_acquire) != NULL)
		return true;
	void *made = os_map_private(bytes);
	if (made == NULL)
		return false;
	/* Release pairs with the acquires in pagemap_leaf and pagemap_block. */
	if (atomic_compare_exchange_strong_explicit(entry, &expected, made, memory_order_release, memory_order_relaxed))
		meta_count_mapped(bytes);
	else
		os_unmap_private(made, bytes);
	return true;
}

/*
 * Makes the window root[index] if the break lies there, or if there is no break to use. Where another thread has just
 * mapped a leaf, that one stays: then the window has no class, and free() goes the long way, as it does for class 0.
 */
static void window_claim(uintptr_t index)
{
	uintptr_t base = index << LEAF_SHIFT;
	uintptr_t unclaimed = WINDOW_UNCLAIMED;
	struct page_leaf *none = NULL;
	uintptr_t now = os_brk_now();
	if (now != 0 && now >> LEAF_SHIFT != index)
		return;
	if (atomic_compare_exchange_strong_explicit(&pagemap_window_base, &unclaimed, base, memory_order_relaxed,
						    memory_order_relaxed))
		atomic_compare_exchange_strong_explicit(&pagemap_root[index], &none, &pagemap_window,
							memory_order_release, memory_order_relaxed);
}

static bool leaf_ensure(uintptr_t index)
{
	if (index >= ROOT_ENTRIES)
		return false;
	if (atomic_load_explicit(&pagemap_root[index], memory_order_relaxed) == NULL)
		window_claim(index);
	return install((void *_Atomic *)&pagemap_root[index], sizeof(struct page_leaf));
}

static bool block_ensure(uintptr_t page)
{
	if (!leaf_ensure(page / LEAF_PAGES))
		return false;
	struct page_leaf *leaf = pagemap_leaf(page);
	return install((void *_Atomic *)&leaf->block[pagemap_index(page) / BLOCK_PAGES], sizeof(struct page_block));
}

bool pagemap_ensure(uintptr_t page, size_t npages)
{
	uintptr_t last = (page + npages - 1) / BLOCK_PAGES;
	for (uintptr_t block = page / BLOCK_PAGES; block <= last; block++)
		if (!block_ensure(block * BLOCK_PAGES))
			return false;
	return true;
}

/* One leaf and one block that were spared and not used: most moves map nothing for the page map. */
static void *_Atomic kept_leaf;
static void *_Atomic kept_block;

static void *spare_get(void *_Atomic *kept, size_t bytes)
{
	void *spare = atomic_exchange_explicit(kept, NULL, memory_order_acquire);
	return spare != NULL ? spare : os_map_private(bytes);
}

static void spare_drop(void *_Atomic *kept, void *spare, size_t bytes)
{
	void *none = NULL;
	if (spare != NULL &&
	    !atomic_compare_exchange_strong_explicit(kept, &none, spare, memory_order_release, memory_order_relaxed))
		os_unmap_private(spare, bytes);
}

bool pagemap_spare_take(struct pagemap_spare *spare)
{
	spare->leaf = spare_get(&kept_leaf, sizeof(struct page_leaf));
	spare->block = spare_get(&kept_block, sizeof(struct page_block));
	if (spare->leaf != NULL && spare->block != NULL)
		return true;
	pagemap_spare_put(spare);
	return false;
}

void pagemap_spare_put(struct pagemap_spare *spare)
{
	spare_drop(&kept_leaf, spare->leaf, sizeof(struct page_leaf));
	spare_drop(&kept_block, spare->block, sizeof(struct page_block));
}

/* As install, of what was mapped before. */
static void install_spare(void *_Atomic *entry, void **spare, size_t bytes)
{
	void *expected = NULL;
	if (atomic_compare_exchange_strong_explicit(entry, &expected, *spare, memory_order_release,
						    memory_order_relaxed)) {
		meta_count_mapped(bytes);
		*spare = NULL;
	}
}

void pagemap_ensure_spared(uintptr_t page, struct pagemap_spare *spare)
{
	uintptr_t index = page / LEAF_PAGES;
	if (atomic_load_explicit(&pagemap_root[index], memory_order_relaxed) == NULL)
		window_claim(index);
	install_spare((void *_Atomic *)&pagemap_root[index], &spare->leaf, sizeof(struct page_leaf));
	void *_Atomic *block = (void *_Atomic *)&pagemap_leaf(page)->block[pagemap_index(page) / BLOCK_PAGES];
	install_spare(block, &spare->block, sizeof(struct page_block));
}

static size_t index_in_block(uintptr_t page) { return page % BLOCK_PAGES; }

uint8_t pagemap_kind(uintptr_t page)
{
	struct page_block *block = pagemap_block(page);
	if (block == NULL)
		return PAGE_NONE;
	return atomic_load_explicit(&block->kind[index_in_block(page)], memory_order_relaxed);
}

void pagemap_set_kind(uintptr_t page, uint8_t kind)
{
	atomic_store_explicit(&pagemap_block(page)->kind[index_in_block(page)], kind, memory_order_relaxed);
}

void pagemap_set_kinds(uintptr_t page, size_t npages, uint8_t kind)
{
	_Atomic uint8_t *kind_of = &pagemap_block(page)->kind[index_in_block(page)];
	for (size_t i = 0; i < npages; i++)
		atomic_store_explicit(&kind_of[i], kind, memory_order_relaxed);
}

bool pagemap_claim_kind(uintptr_t page, uint8_t from, uint8_t to)
{
	struct page_block *block = pagemap_block(page);
	return block != NULL &&
	       atomic_compare_exchange_strong_explicit(&block->kind[index_in_block(page)], &from, to,
						       memory_order_relaxed, memory_order_relaxed);
}

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
		.word = &pagemap_block(*page)->dirty[index_in_block(*page) / 64],
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

/* A slab's pages are aligned, so there is one step for it. */
void pagemap_set_dirty_mask(uintptr_t page, size_t npages, uint32_t mask)
{
	for (size_t left = npages; left > 0;) {
		size_t done = npages - left;
		struct dirty_walk step = dirty_step(&page, &left);
		uint64_t bits = (uint64_t)(mask >> done) << low_bit(step.mask) & step.mask;
		*step.word = (*step.word & ~step.mask) | bits;
	}
}

uint32_t pagemap_dirty_mask(uintptr_t page, size_t npages)
{
	uint32_t mask = 0;
	for (size_t left = npages; left > 0;) {
		size_t done = npages - left;
		struct dirty_walk step = dirty_step(&page, &left);
		mask |= (uint32_t)((*step.word & step.mask) >> low_bit(step.mask)) << done;
	}
	return mask;
}

/* The last page below `page` whose leaf there is; 0 where there is none. */
static uintptr_t last_with_leaf(uintptr_t page)
{
	uintptr_t index = page / LEAF_PAGES;
	while (index > 0 && atomic_load_explicit(&pagemap_root[index - 1], memory_order_relaxed) == NULL)
		index--;
	return index == 0 ? 0 : index * LEAF_PAGES - 1;
}

uintptr_t pagemap_find_begin(uintptr_t page)
{
	if (page >= (uintptr_t)ROOT_ENTRIES * LEAF_PAGES)
		return 0;
	while (page > 0) {
		if (pagemap_leaf(page) == NULL) {
			page = last_with_leaf(page);
			continue;
		}
		if (pagemap_block(page) == NULL)
			page = round_down(page, BLOCK_PAGES);
		else if (pagemap_kind(page) != PAGE_NONE)
			return page;
		if (page > 0)
			page--;
	}
	return 0;
}
