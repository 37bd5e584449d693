/*
 * buddy.h - the free lists of one zone: blocks of 2^order pages, order 0 to 10, split and merged.
 *
 * A block of order k begins at a page number that is a multiple of 2^k, so its buddy is found by one exclusive or:
 *
 *      order 2   [ 8  9 10 11 ]             split: [ 8  9 ] goes on, [ 10 11 ] stays free
 *      order 1   [ 8  9 ] [ 10 11 ]         merge: both free and of one order -> [ 8 9 10 11 ]
 *
 * Each order has two lists: the clean blocks, on which no page is dirty, and the dirty ones. Dirty pages are used
 * first, since they have frames; purge empties the dirty lists. Each list is doubly linked through the page links
 * (pagemap.h). Lower addresses tend to stand in front, so that the heap packs towards its start and its top becomes
 * free.
 *
 * Runs that were freed a moment ago are often wanted again with the same length. They stay as they are, on a list for
 * each length, and buddy_settle splits and merges them: before anybody looks at blocks, and if no dirty block is long
 * enough. A hot run is no block, so buddy_find_around and its kind do not see it.
 *
 * Invariant (buddy_check): free_pages = sum over blocks of 2^order + pages of hot runs; a block is on the dirty list
 * exactly if one of its pages is dirty; avail has a bit for each list that is not empty; no two free buddies of one
 * order exist.
 *
 * A struct buddy belongs to a zone, whose lock guards it, the page links and the dirty bits of its pages.
 */
#ifndef LM_PAGE_BUDDY_H
#define LM_PAGE_BUDDY_H

#include "base/compiler.h"

enum {
	BUDDY_ORDERS = 11,
	BUDDY_MAX_ORDER = BUDDY_ORDERS - 1,
	BUDDY_MAX_PAGES = 1 << BUDDY_MAX_ORDER,
	HOT_PAGES_MAX = 32, /* the longest slab */
	HOT_RUNS = 256,     /* bounds the time under zone.lock to settle them: 0.1 ms */
};

enum buddy_state { BUDDY_CLEAN, BUDDY_DIRTY, BUDDY_STATES };

struct buddy_list {
	uintptr_t first; /* page numbers; both 0 exactly if blocks = 0 */
	uintptr_t last;
	size_t blocks;
};

struct buddy {
	uint32_t avail[BUDDY_STATES]; /* bit k: the list of order k is not empty */
	uint8_t tag;                  /* zone << PAGE_ZONE_SHIFT: the part of a free page's kind that names the zone */
	size_t free_pages;
	size_t dirty_pages; /* of the free ones */
	size_t hot_pages;   /* of the free ones */
	size_t hot_runs;    /* at most HOT_RUNS */
	uintptr_t hot[HOT_PAGES_MAX + 1]; /* by length: the first page of the newest run, or 0. free.next links them */
	struct buddy_list list[BUDDY_STATES][BUDDY_ORDERS];
};

/* Takes a block of 2^order pages: from a dirty block if there is one, at the lowest addresses. 0: there is none. */
uintptr_t buddy_take(struct buddy *buddy, unsigned order);

/* The same for any number of pages up to BUDDY_MAX_PAGES, aligned to the next power of two. */
uintptr_t buddy_take_run(struct buddy *buddy, size_t npages);

/* True if a dirty block has 2^order pages or more. */
static inline bool buddy_has_dirty(const struct buddy *buddy, unsigned order)
{
	return buddy->avail[BUDDY_DIRTY] >> order != 0;
}

/* Takes the newest hot run of this length; 0: there is none. */
uintptr_t buddy_take_hot(struct buddy *buddy, size_t npages);

/* Makes a run hot if it is aligned as buddy_take_run has it, short enough, and there is room: else false. */
bool buddy_put_hot(struct buddy *buddy, uintptr_t page, size_t npages);

/* Makes blocks of all hot runs. */
cold void buddy_settle(struct buddy *buddy);

/*
 * Makes a block of 2^order pages free, whose dirty bits tell which pages are dirty. Returns the merged block that it
 * became part of; `page` is a multiple of 2^order, order <= BUDDY_MAX_ORDER.
 */
struct buddy_block {
	uintptr_t page;
	unsigned order;
} buddy_put(struct buddy *buddy, uintptr_t page, unsigned order);

/* The same for any number of pages, in as few blocks as possible. */
void buddy_put_range(struct buddy *buddy, uintptr_t page, size_t npages);

/* Takes the pages [page, page + npages), all of them free, off the lists. */
cold void buddy_carve(struct buddy *buddy, uintptr_t page, size_t npages);

/* The first page of `npages` (more than a block's) contiguous pages that are all free, or 0. */
cold uintptr_t buddy_find_huge(const struct buddy *buddy, size_t npages);

/* The last dirty block of the highest order, at least `min_order`; false when there is none. It stays listed. */
cold bool buddy_find_dirty(const struct buddy *buddy, unsigned min_order, struct buddy_block *block);

/* Moves the free block around `page` to the front of its list, where buddy_find_dirty looks last. */
cold void buddy_demote(struct buddy *buddy, uintptr_t page);

/* The free block that `page` lies in; false when there is none. */
cold bool buddy_find_around(const struct buddy *buddy, uintptr_t page, struct buddy_block *block);

/* Walks all lists and tests the invariant; reports an internal error. */
cold void buddy_check(const struct buddy *buddy);

#endif
