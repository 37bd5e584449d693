/*
 * buddy.c - see buddy.h. After D. E. Knuth, The Art of Computer Programming 1, 2.5, and the kernel's page allocator.
 */
#include "page/buddy.h"

#include "base/bits.h"
#include "base/report.h"
#include "page/pagemap.h"

static uint8_t block_kind(const struct buddy *buddy, unsigned order)
{
	return (uint8_t)(PAGE_FREE | buddy->tag | order);
}

static bool block_is_free(const struct buddy *buddy, uintptr_t page, unsigned order)
{
	return (pagemap_kind(page) & ~PAGE_FREE_DIRTY) == block_kind(buddy, order);
}

static enum buddy_state block_state(uintptr_t page)
{
	return pagemap_kind(page) & PAGE_FREE_DIRTY ? BUDDY_DIRTY : BUDDY_CLEAN;
}

static void list_insert(struct buddy_list *list, uintptr_t page)
{
	union page_link *link = pagemap_link(page);
	bool front = list->first == 0 || page < list->first;
	link->free.next = front ? list->first : 0;
	link->free.previous = front ? 0 : list->last;
	if (link->free.next != 0)
		pagemap_link(link->free.next)->free.previous = page;
	else
		list->last = page;
	if (link->free.previous != 0)
		pagemap_link(link->free.previous)->free.next = page;
	else
		list->first = page;
	list->blocks++;
}

static void list_delete(struct buddy_list *list, uintptr_t page)
{
	union page_link *link = pagemap_link(page);
	if (link->free.next != 0)
		pagemap_link(link->free.next)->free.previous = link->free.previous;
	else
		list->last = link->free.previous;
	if (link->free.previous != 0)
		pagemap_link(link->free.previous)->free.next = link->free.next;
	else
		list->first = link->free.next;
	list->blocks--;
}

static void list_push_front_page(struct buddy_list *list, uintptr_t page)
{
	union page_link *link = pagemap_link(page);
	link->free.next = list->first;
	link->free.previous = 0;
	if (list->first != 0)
		pagemap_link(list->first)->free.previous = page;
	else
		list->last = page;
	list->first = page;
	list->blocks++;
}

static void block_insert(struct buddy *buddy, uintptr_t page, unsigned order)
{
	size_t npages = (size_t)1 << order;
	size_t dirty = pagemap_count_dirty(page, npages);
	enum buddy_state state = dirty > 0 ? BUDDY_DIRTY : BUDDY_CLEAN;
	pagemap_set_kind(page, block_kind(buddy, order) | (dirty > 0 ? PAGE_FREE_DIRTY : 0));
	list_insert(&buddy->list[state][order], page);
	buddy->avail[state] |= UINT32_C(1) << order;
	buddy->free_pages += npages;
	buddy->dirty_pages += dirty;
}

static void block_delete(struct buddy *buddy, uintptr_t page, unsigned order)
{
	enum buddy_state state = block_state(page);
	size_t npages = (size_t)1 << order;
	list_delete(&buddy->list[state][order], page);
	if (buddy->list[state][order].first == 0)
		buddy->avail[state] &= ~(UINT32_C(1) << order);
	pagemap_set_kind(page, PAGE_NONE);
	buddy->free_pages -= npages;
	if (state == BUDDY_DIRTY)
		buddy->dirty_pages -= pagemap_count_dirty(page, npages);
}

/* The lowest of the blocks that head a list of at least `order`: its order, or BUDDY_ORDERS when there is none. */
static unsigned lowest_fit(const struct buddy *buddy, enum buddy_state state, unsigned order)
{
	unsigned best = BUDDY_ORDERS;
	uintptr_t lowest = UINTPTR_MAX;
	for (uint32_t fits = buddy->avail[state] >> order << order; fits != 0; fits &= fits - 1) {
		unsigned candidate = low_bit(fits);
		uintptr_t page = buddy->list[state][candidate].first;
		if (page < lowest) {
			lowest = page;
			best = candidate;
		}
	}
	return best;
}

uintptr_t buddy_take(struct buddy *buddy, unsigned order)
{
	enum buddy_state state = BUDDY_DIRTY;
	unsigned from = lowest_fit(buddy, state, order);
	if (from == BUDDY_ORDERS) {
		state = BUDDY_CLEAN;
		from = lowest_fit(buddy, state, order);
	}
	if (from == BUDDY_ORDERS)
		return 0;
	uintptr_t page = buddy->list[state][from].first;
	block_delete(buddy, page, from);
	while (from > order) {
		from--;
		block_insert(buddy, page + ((uintptr_t)1 << from), from);
	}
	return page;
}

struct buddy_block buddy_put(struct buddy *buddy, uintptr_t page, unsigned order)
{
	while (order < BUDDY_MAX_ORDER) {
		uintptr_t other = page ^ ((uintptr_t)1 << order);
		if (!block_is_free(buddy, other, order))
			break;
		block_delete(buddy, other, order);
		page &= ~((uintptr_t)1 << order);
		order++;
	}
	block_insert(buddy, page, order);
	return (struct buddy_block){page, order};
}

/* The largest order of a block that may begin at `page` and has at most `npages`. */
static unsigned order_at(uintptr_t page, size_t npages)
{
	unsigned order = (unsigned)size_min(log2_floor(npages), BUDDY_MAX_ORDER);
	return page == 0 ? order : (unsigned)size_min(order, low_bit(page));
}

void buddy_put_range(struct buddy *buddy, uintptr_t page, size_t npages)
{
	while (npages > 0) {
		unsigned order = order_at(page, npages);
		buddy_put(buddy, page, order);
		page += (uintptr_t)1 << order;
		npages -= (size_t)1 << order;
	}
}

bool buddy_find_around(const struct buddy *buddy, uintptr_t page, struct buddy_block *block)
{
	for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
		uintptr_t first = round_down(page, (uintptr_t)1 << order);
		if (block_is_free(buddy, first, order)) {
			*block = (struct buddy_block){first, order};
			return true;
		}
	}
	return false;
}

bool buddy_find_ending(const struct buddy *buddy, uintptr_t page, struct buddy_block *block)
{
	return buddy_find_around(buddy, page - 1, block) && block->page + ((uintptr_t)1 << block->order) == page;
}

void buddy_carve(struct buddy *buddy, uintptr_t page, size_t npages)
{
	uintptr_t end = page + npages;
	while (page < end) {
		struct buddy_block block;
		if (!buddy_find_around(buddy, page, &block))
			report_internal("carved pages are not free");
		uintptr_t block_end = block.page + ((uintptr_t)1 << block.order);
		block_delete(buddy, block.page, block.order);
		/* What stands out on either side goes back; it cannot merge with the part that is carved out. */
		buddy_put_range(buddy, block.page, page - block.page);
		if (block_end > end)
			buddy_put_range(buddy, end, block_end - end);
		page = block_end;
	}
}

/* How many blocks of the largest order stand free in a row from `page` on, up to `most`. */
static size_t blocks_in_row(const struct buddy *buddy, uintptr_t page, size_t most)
{
	size_t count = 0;
	while (count < most && block_is_free(buddy, page + count * BUDDY_MAX_PAGES, BUDDY_MAX_ORDER))
		count++;
	return count;
}

/* Looks from the beginning of each row only. */
uintptr_t buddy_find_huge(const struct buddy *buddy, size_t npages)
{
	size_t blocks = (npages + BUDDY_MAX_PAGES - 1) / BUDDY_MAX_PAGES;
	for (unsigned state = 0; state < BUDDY_STATES; state++) {
		uintptr_t page = buddy->list[state][BUDDY_MAX_ORDER].first;
		for (; page != 0; page = pagemap_link(page)->free.next)
			if (!block_is_free(buddy, page - BUDDY_MAX_PAGES, BUDDY_MAX_ORDER) &&
			    blocks_in_row(buddy, page, blocks) == blocks)
				return page;
	}
	return 0;
}

bool buddy_find_dirty(const struct buddy *buddy, unsigned min_order, struct buddy_block *block)
{
	uint32_t orders = buddy->avail[BUDDY_DIRTY] >> min_order;
	if (orders == 0)
		return false;
	block->order = min_order + log2_floor(orders);
	block->page = buddy->list[BUDDY_DIRTY][block->order].last;
	return true;
}

void buddy_demote(struct buddy *buddy, uintptr_t page)
{
	struct buddy_block block;
	if (!buddy_find_around(buddy, page, &block))
		return;
	struct buddy_list *list = &buddy->list[block_state(block.page)][block.order];
	list_delete(list, block.page);
	list_push_front_page(list, block.page);
}

/* The blocks of one list: their kind, their number, their pages. */
static void list_check(const struct buddy *buddy, enum buddy_state state, unsigned order, size_t *free, size_t *dirty)
{
	const struct buddy_list *list = &buddy->list[state][order];
	size_t blocks = 0;
	uintptr_t previous = 0;
	for (uintptr_t page = list->first; page != 0; page = pagemap_link(page)->free.next) {
		size_t ndirty = pagemap_count_dirty(page, (size_t)1 << order);
		if (!block_is_free(buddy, page, order) || block_state(page) != state)
			report_internal("buddy: a listed block has the wrong kind");
		if ((ndirty > 0) != (state == BUDDY_DIRTY))
			report_internal("buddy: a block is on the wrong list");
		if (pagemap_link(page)->free.previous != previous)
			report_internal("buddy: a list is broken");
		if (order < BUDDY_MAX_ORDER && block_is_free(buddy, page ^ ((uintptr_t)1 << order), order))
			report_internal("buddy: two free buddies were not merged");
		*free += (size_t)1 << order;
		*dirty += ndirty;
		previous = page;
		blocks++;
	}
	if (blocks != list->blocks || list->last != previous || (blocks > 0) != (buddy->avail[state] >> order & 1))
		report_internal("buddy: a list and its counts differ");
}

void buddy_check(const struct buddy *buddy)
{
	size_t free = 0;
	size_t dirty = 0;
	for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
		list_check(buddy, BUDDY_CLEAN, order, &free, &dirty);
		list_check(buddy, BUDDY_DIRTY, order, &free, &dirty);
	}
	if (free != buddy->free_pages || dirty != buddy->dirty_pages)
		report_internal("buddy: the sums differ");
}
