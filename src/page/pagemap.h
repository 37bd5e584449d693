/*
 * pagemap.h - address -> what lives there, for any address at all (the kernel's mem_map).
 *
 *      address   47           31 30          24 23        12 11       0
 *               [ root index   ][ page in leaf              ][ offset ]
 *                     |           |  [ block ][page in block]
 *                     |           |      |
 *      root[2^17] --> leaf: class_of[2^19]         one byte a page: size class of the slab on it, 0 if none
 *                           block[128] --> block: kind[4096]   one byte a page: what begins here (enum page_kind)
 *                                                 dirty[64]    one bit a page, of free pages: may hold old content
 *                                                 link[4096]   16 bytes for a page that begins something
 *
 * A leaf is mapped when the first page of its 2 GiB is registered, a block with the first of its 16 MiB; both stay.
 * Only their touched parts use memory. class_of lies apart because free() reads it alone: 64 pages in a cache line.
 *
 * The window is the leaf of the break, and so of the heap in all but huge programs. It lies in .bss, where free() finds
 * a class without the root and without a test for a missing leaf.
 *
 * class_of, kind, link.objects, link.slab and link.large are read without a lock: a pointer that the program rightly
 * holds was published after they were written. Under any other pointer they may be old or change meanwhile, and the
 * pointer is then reported. All else is guarded by the owner of the page: zone.lock while the page is free, the slab's
 * cache.lock, or the thread that allocates or frees a large block.
 */
#ifndef LM_PAGE_PAGEMAP_H
#define LM_PAGE_PAGEMAP_H

#include "base/compiler.h"

enum {
	PAGE_SHIFT = 12,
	PAGE_BYTES = 1 << PAGE_SHIFT,
	HUGE_PAGES = 512, /* pages of a huge page of the system */
	ADDRESS_BITS = 48,
	LEAF_SHIFT = 31,
	LEAF_PAGES = 1 << (LEAF_SHIFT - PAGE_SHIFT),
	BLOCK_SHIFT = 24,
	BLOCK_PAGES = 1 << (BLOCK_SHIFT - PAGE_SHIFT),
	ROOT_ENTRIES = 1 << (ADDRESS_BITS - LEAF_SHIFT),
};

/*
 * What begins on a page, in a byte:
 *
 *      bit   7       6       5 4     3 2 1 0
 *          [ free=1 | dirty | zone | order 0 to 10 ]      a free block of the buddy
 *          [   0    |   0   | zone | PAGE_RUN      ]      whole pages as one block
 *          [   0    |   0   |  0   | 1 | order     ]      PAGE_OBJECTS: on each page of a slab of an object cache
 *          [   0    |   0   |  0   | another kind  ]      PAGE_PERCPU: CPU 0's slots of a chunk begin here, for ever
 */
enum page_kind {
	PAGE_NONE = 0, /* nothing begins here: not ours, or inside a block */
	PAGE_SLAB = 1,
	PAGE_RUN = 2,
	PAGE_LARGE = 3,
	PAGE_PERCPU = 4,
	PAGE_OBJECTS = 8,
	PAGE_OBJECTS_ORDER_MASK = 7,
	PAGE_FREE = 0x80,
	PAGE_FREE_DIRTY = 0x40,
	PAGE_ZONE_SHIFT = 4,
	PAGE_ZONE_MASK = 0x30,
};

struct slab;
struct large;
struct percpu_chunk;

/* 16 bytes, of which the kind of the page says which part is meant. Guarded by the owner of the page (above). */
union page_link {
	struct {
		uintptr_t next; /* page numbers, 0 at the ends */
		uintptr_t previous;
	} free;
	struct {
		struct slab *slab;
		_Atomic uint64_t objects; /* of an object cache: its key (slab.h); else the top bit is clear */
	};
	struct large *large;
	struct percpu_chunk *percpu; /* written once, before the kind. Who follows it holds the lock of all chunks */
	size_t run_pages; /* of a PAGE_RUN */
};

struct page_block {
	_Atomic uint8_t kind[BLOCK_PAGES];
	_Atomic uint64_t dirty[BLOCK_PAGES / 64]; /* a word may hold bits of several zones, each under its own lock */
	union page_link link[BLOCK_PAGES];
};

/* Mapped once, never unmapped; all zeros: nothing is here. The same holds for a block. */
struct page_leaf {
	_Atomic uint8_t class_of[LEAF_PAGES];
	struct page_block *_Atomic block[LEAF_PAGES / BLOCK_PAGES];
};

extern struct page_leaf *_Atomic pagemap_root[ROOT_ENTRIES] LM_HIDDEN;

/* The leaf that covers the break, from the first pagemap_ensure there on; if no break may be used, the first leaf. */
extern struct page_leaf pagemap_window LM_HIDDEN;

/* The first address of the window's 2 GiB; before there is one WINDOW_UNCLAIMED, which no pointer has. Written once. */
#define WINDOW_UNCLAIMED ((uintptr_t)1 << 63)
extern _Atomic uintptr_t pagemap_window_base LM_HIDDEN;

/*
 * The page's index in the window; LEAF_PAGES or more if it is not there. Relaxed: with an old base the page is outside.
 * Exclusive or is the difference, since a leaf's first address is aligned to its size.
 */
static always_inline size_t pagemap_window_index(uintptr_t address)
{
	uintptr_t base = load_relaxed(&pagemap_window_base);
	size_t index = (base ^ address) >> PAGE_SHIFT;
	__asm__("" : "+r"(index)); /* gcc would compare before it shifts, which takes another register and a move */
	return index;
}

/* The leaf of a page number, or NULL. Acquire pairs with the release in entry_ensure and window_claim (pagemap.c). */
static always_inline struct page_leaf *pagemap_leaf(uintptr_t page)
{
	uintptr_t index = page >> (LEAF_SHIFT - PAGE_SHIFT);
	if (unlikely(index >= ROOT_ENTRIES))
		return NULL;
	return atomic_load_explicit(&pagemap_root[index], memory_order_acquire);
}

static always_inline size_t pagemap_index(uintptr_t page) { return page & (LEAF_PAGES - 1); }

/* The size class of the slab at any address; 0 when no slab is there. */
static always_inline unsigned pagemap_class(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	struct page_leaf *leaf = pagemap_leaf(page);
	if (unlikely(leaf == NULL))
		return 0;
	return load_relaxed(&leaf->class_of[pagemap_index(page)]);
}

/* Makes the leaves and blocks of [page, page + npages) exist: false when there is no memory for them. */
cold bool pagemap_ensure(uintptr_t page, size_t npages);

/*
 * Memory with which one later pagemap_ensure_spared cannot fail, whatever its page is: for a page whose address becomes
 * known only when there is no way back. False when there is no memory. pagemap_spare_put gives back what was not used.
 */
/* Owner: the caller. */
struct pagemap_spare {
	void *leaf; /* NULL: used */
	void *block;
};
cold bool pagemap_spare_take(struct pagemap_spare *spare);
cold void pagemap_spare_put(struct pagemap_spare *spare);
cold void pagemap_ensure_spared(uintptr_t page, struct pagemap_spare *spare);

/* What begins on `page`; PAGE_NONE if nothing was ever registered there. */
uint8_t pagemap_kind(uintptr_t page);

/* Changes the kind from `from` to `to`: true for the one thread that did so, false if the kind is another. */
bool pagemap_claim_kind(uintptr_t page, uint8_t from, uint8_t to);

/* The block of any page, or NULL. Acquire pairs with the release in entry_ensure (pagemap.c). */
static inline struct page_block *pagemap_leaf_block(struct page_leaf *leaf, uintptr_t page)
{
	return atomic_load_explicit(&leaf->block[pagemap_index(page) / BLOCK_PAGES], memory_order_acquire);
}

static inline struct page_block *pagemap_block(uintptr_t page)
{
	struct page_leaf *leaf = pagemap_leaf(page);
	return unlikely(leaf == NULL) ? NULL : pagemap_leaf_block(leaf, page);
}

/*
 * The block of a page for which pagemap_ensure was called. Acquire pairs with the release in window_claim and
 * entry_ensure (pagemap.c). All functions from here to pagemap_dirty_mask are for such pages only.
 */
static inline struct page_block *pagemap_block_ensured(uintptr_t page)
{
	return pagemap_leaf_block(atomic_load_explicit(&pagemap_root[page / LEAF_PAGES], memory_order_acquire), page);
}

static inline union page_link *pagemap_link(uintptr_t page)
{
	return &pagemap_block_ensured(page)->link[page % BLOCK_PAGES];
}

void pagemap_set_kind(uintptr_t page, uint8_t kind);

/* The kind of each of a run of pages inside one block (a slab: aligned, so it never crosses). */
void pagemap_set_kinds(uintptr_t page, size_t npages, uint8_t kind);

/* Sets the size class of a run of pages inside one leaf (a slab: aligned, so it never crosses). */
void pagemap_set_class(uintptr_t page, size_t npages, unsigned size_class);

/* The dirty bits of a range: how many are set; set or clear them all. */
enum page_state { PAGES_CLEAN, PAGES_DIRTY };
size_t pagemap_count_dirty(uintptr_t page, size_t npages);
cold void pagemap_set_dirty(uintptr_t page, size_t npages, enum page_state state);

/* The same as a mask, for at most 32 pages: bit i is page i. */
void pagemap_set_dirty_mask(uintptr_t page, size_t npages, uint32_t mask);
uint32_t pagemap_dirty_mask(uintptr_t page, size_t npages);

/*
 * The nearest page at or below `page` on which anything begins, or 0. If `page` belongs to a block, the result is that
 * block's first page. Slow: for pointers at which no block of ours begins.
 */
cold uintptr_t pagemap_find_begin(uintptr_t page);

#endif
