/* pagemap.c - see pagemap.h. */
#include "page/pagemap.h"

#include "base/bitmap.h"
#include "os/brk.h"
#include "os/map.h"
#include "page/meta.h"

/* Almost all of it is never touched: a program uses two or three entries. Each changes once, by a compare-and-swap. */
struct page_leaf *_Atomic pagemap_root[ROOT_ENTRIES];

struct page_leaf pagemap_window;

/* It begins a cache line, since every free reads it; window_claim writes it once. Relaxed: see pagemap_window_index. */
cache_line_aligned _Atomic uintptr_t pagemap_window_base = WINDOW_UNCLAIMED;

/* A leaf and a block that were spared and not used. No lock: who takes the pointer, by an exchange, owns the memory. */
static void *_Atomic kept_leaf;
static void *_Atomic kept_block;

static void *spare_take(void *_Atomic *kept, size_t bytes)
{
	void *spare = atomic_exchange_explicit(kept, NULL, memory_order_acquire);
	return spare != NULL ? spare : os_map_private(bytes);
}

/* Release pairs with the acquire in spare_take. */
static void spare_put(void *_Atomic *kept, void *spare, size_t bytes)
{
	void *none = NULL;
	if (spare != NULL && !replace_atomic(kept, &none, spare, memory_order_release))
		os_unmap_private(spare, bytes);
}

bool pagemap_spare_take(struct pagemap_spare *spare)
{
	spare->leaf = spare_take(&kept_leaf, sizeof(struct page_leaf));
	spare->block = spare_take(&kept_block, sizeof(struct page_block));
	if (spare->leaf != NULL && spare->block != NULL)
		return true;
	pagemap_spare_put(spare);
	return false;
}

void pagemap_spare_put(struct pagemap_spare *spare)
{
	spare_put(&kept_leaf, spare->leaf, sizeof(struct page_leaf));
	spare_put(&kept_block, spare->block, sizeof(struct page_block));
}

/*
 * Makes *entry exist: it becomes *spare, or if that is NULL a new mapping. If another thread is faster, *spare stays.
 */
static bool entry_ensure(void *_Atomic *entry, void **spare, size_t bytes)
{
	void *none = NULL;
	if (atomic_load_explicit(entry, memory_order_acquire) != NULL)
		return true;
	if (*spare == NULL && (*spare = os_map_private(bytes)) == NULL)
		return false;
	/* Release pairs with the acquires in pagemap_leaf, pagemap_leaf_block, pagemap_block_ensured and above. */
	if (replace_atomic(entry, &none, *spare, memory_order_release)) {
		meta_count_mapped(bytes);
		*spare = NULL;
	}
	return true;
}

/*
 * Makes the window root[index] if the break lies there, or if there is no break to use. If another thread has just
 * mapped a leaf, that one stays: then the window has no class, and free() goes the long way, as it does for class 0.
 * Release pairs with the acquires in pagemap_leaf, pagemap_block_ensured and entry_ensure.
 */
static void window_claim(uintptr_t index)
{
	uintptr_t base = index << LEAF_SHIFT;
	uintptr_t unclaimed = WINDOW_UNCLAIMED;
	struct page_leaf *none = NULL;
	uintptr_t now = os_brk_now();
	if (now != 0 && now >> LEAF_SHIFT != index)
		return;
	if (replace_atomic(&pagemap_window_base, &unclaimed, base, memory_order_relaxed))
		replace_atomic(&pagemap_root[index], &none, &pagemap_window, memory_order_release);
}

/* Makes the leaf and the block of a page exist. */
static bool block_ensure(uintptr_t page, struct pagemap_spare *spare)
{
	uintptr_t index = page / LEAF_PAGES;
	if (index >= ROOT_ENTRIES)
		return false;
	if (load_relaxed(&pagemap_root[index]) == NULL)
		window_claim(index);
	if (!entry_ensure((void *_Atomic *)&pagemap_root[index], &spare->leaf, sizeof(struct page_leaf)))
		return false;
	struct page_block *_Atomic *block = &pagemap_leaf(page)->block[pagemap_index(page) / BLOCK_PAGES];
	return entry_ensure((void *_Atomic *)block, &spare->block, sizeof(struct page_block));
}

bool pagemap_ensure(uintptr_t page, size_t npages)
{
	struct pagemap_spare spare = {NULL, NULL};
	uintptr_t last = (page + npages - 1) / BLOCK_PAGES;
	uintptr_t block = page / BLOCK_PAGES;
	while (block <= last && block_ensure(block * BLOCK_PAGES, &spare))
		block++;
	pagemap_spare_put(&spare);
	return block > last;
}

void pagemap_ensure_spared(uintptr_t page, struct pagemap_spare *spare) { block_ensure(page, spare); }

static size_t index_in_block(uintptr_t page) { return page % BLOCK_PAGES; }

uint8_t pagemap_kind(uintptr_t page)
{
	struct page_block *block = pagemap_block(page);
	if (block == NULL)
		return PAGE_NONE;
	return load_relaxed(&block->kind[index_in_block(page)]);
}

void pagemap_set_kind(uintptr_t page, uint8_t kind)
{
	store_relaxed(&pagemap_block_ensured(page)->kind[index_in_block(page)], kind);
}

void pagemap_set_kinds(uintptr_t page, size_t npages, uint8_t kind)
{
	_Atomic uint8_t *kind_of = &pagemap_block_ensured(page)->kind[index_in_block(page)];
	for (size_t i = 0; i < npages; i++)
		store_relaxed(&kind_of[i], kind);
}

bool pagemap_claim_kind(uintptr_t page, uint8_t from, uint8_t to)
{
	struct page_block *block = pagemap_block(page);
	return block != NULL && replace_atomic(&block->kind[index_in_block(page)], &from, to, memory_order_relaxed);
}

void pagemap_set_class(uintptr_t page, size_t npages, unsigned size_class)
{
	_Atomic uint8_t *class_of = &pagemap_leaf(page)->class_of[pagemap_index(page)];
	for (size_t i = 0; i < npages; i++)
		store_relaxed(&class_of[i], (uint8_t)size_class);
}

/* The word of a page's dirty bit. A walk over several pages makes one step for each word (bits_step). */
static _Atomic uint64_t *dirty_word(uintptr_t page)
{
	return &pagemap_block_ensured(page)->dirty[index_in_block(page) / 64];
}

size_t pagemap_count_dirty(uintptr_t page, size_t npages)
{
	size_t count = 0;
	while (npages > 0) {
		uint64_t word = load_relaxed(dirty_word(page));
		count += count_bits(word & bits_step(&page, &npages));
	}
	return count;
}

/* The bits of `step` become those of `bits`. Atomic, for the sake of the other bits: they may be another zone's. */
static inline void dirty_word_set(_Atomic uint64_t *word, uint64_t step, uint64_t bits)
{
	uint64_t wrong = (load_relaxed(word) ^ bits) & step;
	if ((wrong & bits) != 0)
		atomic_fetch_or_explicit(word, wrong & bits, memory_order_relaxed);
	if ((wrong & ~bits) != 0)
		atomic_fetch_and_explicit(word, ~(wrong & ~bits), memory_order_relaxed);
}

void pagemap_set_dirty(uintptr_t page, size_t npages, enum page_state state)
{
	while (npages > 0) {
		_Atomic uint64_t *word = dirty_word(page);
		dirty_word_set(word, bits_step(&page, &npages), state == PAGES_DIRTY ? UINT64_MAX : 0);
	}
}

/* A slab's pages are aligned, so there is one step for it. */
void pagemap_set_dirty_mask(uintptr_t page, size_t npages, uint32_t mask)
{
	for (size_t left = npages; left > 0;) {
		uint64_t bits = (uint64_t)(mask >> (npages - left)) << page % 64;
		_Atomic uint64_t *word = dirty_word(page);
		dirty_word_set(word, bits_step(&page, &left), bits);
	}
}

uint32_t pagemap_dirty_mask(uintptr_t page, size_t npages)
{
	uint64_t mask = 0;
	for (size_t left = npages; left > 0;) {
		size_t done = npages - left;
		unsigned shift = page % 64;
		uint64_t word = load_relaxed(dirty_word(page));
		mask |= (word & bits_step(&page, &left)) >> shift << done;
	}
	return (uint32_t)mask;
}

/* The last page below `page` whose leaf exists; 0 if there is none. */
static uintptr_t last_with_leaf(uintptr_t page)
{
	uintptr_t index = page / LEAF_PAGES;
	while (index > 0 && load_relaxed(&pagemap_root[index - 1]) == NULL)
		index--;
	return index == 0 ? 0 : index * LEAF_PAGES - 1;
}

uintptr_t pagemap_find_begin(uintptr_t page)
{
	if (page >= (uintptr_t)ROOT_ENTRIES * LEAF_PAGES)
		return 0;
	while (page > 0 && pagemap_kind(page) == PAGE_NONE) {
		if (pagemap_leaf(page) == NULL)
			page = last_with_leaf(page);
		else if (pagemap_block(page) == NULL)
			page = size_max(round_down(page, BLOCK_PAGES), 1) - 1;
		else
			page--;
	}
	return page;
}
