/* buddy.c - see buddy.h. After D. E. Knuth, The Art of Computer Programming 1, 2.5, and the kernel's page allocator. */
#include "page/buddy.h"

#include "base/bits.h"
#include "os/report.h"
#include "page/pagemap.h"

static uint8_t block_kind(const struct buddy *buddy, unsigned order)
{
	return (uint8_t)(PAGE_FREE | buddy->tag | order);
}

static bool is_free_kind(const struct buddy *buddy, uint8_t kind, unsigned order)
{
	return (kind & ~PAGE_FREE_DIRTY) == block_kind(buddy, order);
}

static bool block_is_free(const struct buddy *buddy, uintptr_t page, unsigned order)
{
	return is_free_kind(buddy, pagemap_kind(page), order);
}

/* The kinds of the pages around one: of BUDDY_MAX_PAGES at least, aligned to so many. NULL: none was ever ours. */
static const _Atomic uint8_t *kinds_around(uintptr_t page)
{
	struct page_block *block = pagemap_block(page);
	return block == NULL ? NULL : block->kind;
}

static enum buddy_state block_state(uintptr_t page)
{
	return pagemap_kind(page) & PAGE_FREE_DIRTY ? BUDDY_DIRTY : BUDDY_CLEAN;
}

/* Makes two blocks neighbours in the list; 0 in place of one: the other begins, or ends, the list. */
static void list_join(struct buddy_list *list, uintptr_t previous, uintptr_t next)
{
	*(previous != 0 ? &pagemap_link(previous)->free.next : &list->first) = next;
	*(next != 0 ? &pagemap_link(next)->free.previous : &list->last) = previous;
}

/* Puts a block before `next`, which is the list's first block, or 0: to the end. */
static void list_insert(struct buddy_list *list, uintptr_t page, uintptr_t next)
{
	list_join(list, next == 0 ? list->last : 0, page);
	list_join(list, page, next);
	list->blocks++;
}

static void list_delete(struct buddy_list *list, uintptr_t page)
{
	const union page_link *link = pagemap_link(page);
	list_join(list, link->free.previous, link->free.next);
	list->blocks--;
}

/* `dirty`: how many of its pages are dirty. */
static void block_insert(struct buddy *buddy, uintptr_t page, unsigned order, size_t dirty)
{
	size_t npages = (size_t)1 << order;
	enum buddy_state state = dirty > 0 ? BUDDY_DIRTY : BUDDY_CLEAN;
	pagemap_set_kind(page, block_kind(buddy, order) | (dirty > 0 ? PAGE_FREE_DIRTY : 0));
	struct buddy_list *list = &buddy->list[state][order];
	list_insert(list, page, page < list->first ? list->first : 0);
	buddy->avail[state] |= UINT32_C(1) << order;
	buddy->free_pages += npages;
	buddy->dirty_pages += dirty;
}

/* Returns how many of its pages are dirty. */
static size_t block_delete(struct buddy *buddy, uintptr_t page, unsigned order)
{
	enum buddy_state state = block_state(page);
	size_t npages = (size_t)1 << order;
	size_t dirty = state == BUDDY_DIRTY ? pagemap_count_dirty(page, npages) : 0;
	list_delete(&buddy->list[state][order], page);
	if (buddy->list[state][order].first == 0)
		buddy->avail[state] &= ~(UINT32_C(1) << order);
	pagemap_set_kind(page, PAGE_NONE);
	buddy->free_pages -= npages;
	buddy->dirty_pages -= dirty;
	return dirty;
}

/* The dirty pages of a half of a block: `dirty` are in the whole block of twice as many. */
static size_t dirty_of_half(uintptr_t page, size_t npages, size_t dirty)
{
	if (dirty == 0 || dirty == 2 * npages)
		return dirty / 2;
	return pagemap_count_dirty(page, npages);
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
	size_t dirty = block_delete(buddy, page, from);
	while (from > order) {
		from--;
		uintptr_t half = page + ((uintptr_t)1 << from);
		size_t half_dirty = dirty_of_half(half, (size_t)1 << from, dirty);
		block_insert(buddy, half, from, half_dirty);
		dirty -= half_dirty;
	}
	return page;
}

/* The pages behind the run lie in a block with the run, so they have no free buddy outside of themselves. */
uintptr_t buddy_take_run(struct buddy *buddy, size_t npages)
{
	unsigned order = log2_ceil(npages);
	uintptr_t page = buddy_take(buddy, order);
	uintptr_t end = page == 0 ? 0 : page + ((uintptr_t)1 << order);
	for (uintptr_t rest = page + npages; rest < end; rest += rest & -rest)
		block_insert(buddy, rest, low_bit(rest), pagemap_count_dirty(rest, rest & -rest));
	return page;
}

struct buddy_block buddy_put(struct buddy *buddy, uintptr_t page, unsigned order)
{
	const _Atomic uint8_t *kinds = kinds_around(page);
	size_t dirty = pagemap_count_dirty(page, (size_t)1 << order);
	while (order < BUDDY_MAX_ORDER) {
		uintptr_t other = page ^ ((uintptr_t)1 << order);
		if (!is_free_kind(buddy, load_relaxed(&kinds[other % BLOCK_PAGES]), order))
			break;
		dirty += block_delete(buddy, other, order);
		page &= ~((uintptr_t)1 << order);
		order++;
	}
	block_insert(buddy, page, order, dirty);
	return (struct buddy_block){page, order};
}

uintptr_t buddy_take_hot(struct buddy *buddy, size_t npages)
{
	uintptr_t page = npages <= HOT_PAGES_MAX ? buddy->hot[npages] : 0;
	if (page == 0)
		return 0;
	buddy->hot[npages] = pagemap_link(page)->free.next;
	buddy->hot_runs--;
	buddy->hot_pages -= npages;
	buddy->free_pages -= npages;
	buddy->dirty_pages -= pagemap_count_dirty(page, npages);
	return page;
}

bool buddy_put_hot(struct buddy *buddy, uintptr_t page, size_t npages)
{
	bool is_aligned = page % ((uintptr_t)1 << log2_ceil(npages)) == 0;
	if (npages > HOT_PAGES_MAX || buddy->hot_runs == HOT_RUNS || !is_aligned)
		return false;
	pagemap_link(page)->free.next = buddy->hot[npages];
	buddy->hot[npages] = page;
	buddy->hot_runs++;
	buddy->hot_pages += npages;
	buddy->free_pages += npages;
	buddy->dirty_pages += pagemap_count_dirty(page, npages);
	return true;
}

/* The largest order of a block that may begin at `page` and has at most `npages`. */
static unsigned order_at(uintptr_t page, size_t npages)
{
	return low_bit(page | (uintptr_t)1 << log2_floor(npages) | BUDDY_MAX_PAGES);
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

void buddy_settle(struct buddy *buddy)
{
	for (size_t npages = 1; buddy->hot_runs > 0 && npages <= HOT_PAGES_MAX; npages++) {
		uintptr_t page;
		while ((page = buddy_take_hot(buddy, npages)) != 0)
			buddy_put_range(buddy, page, npages);
	}
}

bool buddy_find_around(const struct buddy *buddy, uintptr_t page, struct buddy_block *block)
{
	const _Atomic uint8_t *kinds = kinds_around(page);
	for (unsigned order = 0; kinds != NULL && order < BUDDY_ORDERS; order++) {
		uintptr_t first = round_down(page, (uintptr_t)1 << order);
		if (is_free_kind(buddy, load_relaxed(&kinds[first % BLOCK_PAGES]), order)) {
			*block = (struct buddy_block){first, order};
			return true;
		}
	}
	return false;
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
		/* The pages of the block outside of the range go back. They cannot merge with carved ones. */
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

/* Looks at the beginning of each row only. */
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
	list_insert(list, block.page, list->first);
}

#ifdef LM_DEBUG
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

/* The hot runs and their counts: how many pages of them are dirty. */
static size_t hot_check(const struct buddy *buddy)
{
	size_t runs = 0;
	size_t pages = 0;
	size_t dirty = 0;
	for (size_t npages = 1; npages <= HOT_PAGES_MAX; npages++) {
		for (uintptr_t page = buddy->hot[npages]; page != 0; page = pagemap_link(page)->free.next) {
			if (pagemap_kind(page) != PAGE_NONE || page % ((uintptr_t)1 << log2_ceil(npages)) != 0)
				report_internal("buddy: a hot run has a kind, or is not aligned");
			runs++;
			pages += npages;
			dirty += pagemap_count_dirty(page, npages);
		}
	}
	if (runs != buddy->hot_runs || pages != buddy->hot_pages || runs > HOT_RUNS)
		report_internal("buddy: the hot runs are counted wrongly");
	return dirty;
}

void buddy_check(const struct buddy *buddy)
{
	size_t free = buddy->hot_pages;
	size_t dirty = hot_check(buddy);
	for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
		list_check(buddy, BUDDY_CLEAN, order, &free, &dirty);
		list_check(buddy, BUDDY_DIRTY, order, &free, &dirty);
	}
	if (free != buddy->free_pages || dirty != buddy->dirty_pages)
		report_internal("buddy: the sums differ");
}
#endif
