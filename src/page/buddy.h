/*
 * buddy.h - the free lists of one zone: blocks of 2^order pages, order 0 to 10, split and merged.
 *
 * A block of order k begins at a page number that is a multiple of 2^k, so its buddy is found by one exclusive or:
 *
 *      order 2   [ 8  9 10 11 ]             split: [ 8  9 ] goes on, [ 10 11 ] stays free
 *      order 1   [ 8  9 ] [ 10 11 ]         merge: both free and of one order -> [ 8 9 10 11 ]
 *
 * There are two lists an order: blocks on which no page is dirty, and the others. Dirty pages are used first, since
 * they have frames; purge empties the second kind. Each list is a double one through the page links (pagemap.h);
 * lower addresses tend to stand in front, so that the heap packs towards its start and its top becomes free.
 *
 * Invariant (buddy_check): free_pages = sum over blocks of 2^order; a block is on the dirty list exactly if one of its
 * pages is dirty; avail has a bit for each list that is not empty; no two free buddies of one order exist.
 *
 * Everything here is guarded by the lock of the zone that the free lists belong to.
 */
#ifndef LM_PAGE_BUDDY_H
#define LM_PAGE_BUDDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BUDDY_ORDERS = 11,
	BUDDY_MAX_ORDER = BUDDY_ORDERS - 1,
	BUDDY_MAX_PAGES = 1 << BUDDY_MAX_ORDER,
};

enum buddy_state { BUDDY_CLEAN, BUDDY_DIRTY, BUDDY_STATES };

struct buddy_list {
	uintptr_t first; /* page numbers; 0: none */
	uintptr_t last;
	size_t blocks;
};

struct buddy {
	uint32_t avail[BUDDY_STATES]; /* bit k: the list of order k is not empty */
	uint8_t tag;                  /* zone << PAGE_ZONE_SHIFT: the part of a free page's kind that names the zone */
	size_t free_pages;
	size_t dirty_pages; /* of the free ones */
	struct buddy_list list[BUDDY_STATES][BUDDY_ORDERS];
};

/* A block of 2^order pages off the lists, or 0: from a dirty block if there is one, and from the lowest addresses. */
uintptr_t buddy_take(struct buddy *buddy, unsigned order);

/* Makes a block of 2^order pages free and merges it; its dirty bits are set beforehand. The block it became part of. */
struct buddy_block {
	uintptr_t page;
	unsigned order;
} buddy_put(struct buddy *buddy, uintptr_t page, unsigned order);

/* The same for any run of pages, in as few blocks as can be. */
void buddy_put_range(struct buddy *buddy, uintptr_t page, size_t npages);

/* Takes the pages [page, page + npages), all of them free, off the lists. */
void buddy_carve(struct buddy *buddy, uintptr_t page, size_t npages);

/* The first page of `npages` (more than a block's) contiguous pages that are all free, or 0. */
uintptr_t buddy_find_huge(const struct buddy *buddy, size_t npages);

/* The coldest dirty block of the highest order from `min_order` on; false when there is none. It stays listed. */
bool buddy_find_dirty(const struct buddy *buddy, unsigned min_order, struct buddy_block *block);

/* Moves the free block around `page` to the end of its list that buddy_find_dirty looks at last. */
void buddy_demote(struct buddy *buddy, uintptr_t page);

/* The free block that ends just before `page`, or that `page` lies in; false when there is none. */
bool buddy_find_ending(const struct buddy *buddy, uintptr_t page, struct buddy_block *block);
bool buddy_find_around(const struct buddy *buddy, uintptr_t page, struct buddy_block *block);

/* Walks all lists and tests the invariant; reports an internal error. */
void buddy_check(const struct buddy *buddy);

#endif
