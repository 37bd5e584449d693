/*
 * buddy.c - page/buddy.h against an array that says of each page whether it is free and dirty.
 *
 * What the free lists must hold follows from the array: since buddies merge, a free page lies in the largest aligned
 * block around it of which all pages are free. Pages are only numbers here.
 */
#include "unit.h"

#include "base/bits.h"
#include "page/buddy.h"
#include "page/pagemap.h"

#include <string.h>

enum { PAGES = 4096, TAG = 1 << PAGE_ZONE_SHIFT };

/* A leaf of the page map ends in the middle. */
#define FIRST (UINT64_C(0x66) * LEAF_PAGES - PAGES / 2)

static struct buddy buddy = {.tag = TAG};
static bool is_free[PAGES];
static bool is_dirty[PAGES];

/* What lies where according to the array: the order of the free block that begins at a page, or -1. */
static int block_at[PAGES];
static bool block_dirty[PAGES];

static bool all_free(size_t at, size_t count)
{
	if (at + count > PAGES)
		return false;
	for (size_t i = at; i < at + count; i++)
		if (!is_free[i])
			return false;
	return true;
}

/* The largest aligned free block around a free page. FIRST is a multiple of the largest order. */
static struct buddy_block block_around(size_t at)
{
	unsigned order = 0;
	while (order < BUDDY_MAX_ORDER && all_free(round_down(at, (size_t)2 << order), (size_t)2 << order))
		order++;
	return (struct buddy_block){round_down(at, (size_t)1 << order), order};
}

static void survey(void)
{
	memset(block_at, -1, sizeof(block_at));
	memset(block_dirty, 0, sizeof(block_dirty));
	for (size_t at = 0; at < PAGES;) {
		if (!is_free[at]) {
			at++;
			continue;
		}
		struct buddy_block block = block_around(at);
		check(block.page == at);
		block_at[at] = (int)block.order;
		for (size_t i = at; i < at + ((size_t)1 << block.order); i++)
			block_dirty[at] |= is_dirty[i];
		at += (size_t)1 << block.order;
	}
}

static size_t count_blocks(enum buddy_state state, unsigned order)
{
	size_t count = 0;
	for (size_t at = 0; at < PAGES; at++)
		count += block_at[at] == (int)order && block_dirty[at] == (state == BUDDY_DIRTY);
	return count;
}

static void compare(void)
{
	size_t free_pages = 0;
	size_t dirty_pages = 0;
	buddy_check(&buddy);
	survey();
	for (size_t at = 0; at < PAGES; at++) {
		free_pages += is_free[at];
		dirty_pages += is_free[at] && is_dirty[at];
		uint8_t kind = pagemap_kind(FIRST + at);
		if (block_at[at] < 0)
			check((kind & PAGE_FREE) == 0);
		else
			check(kind == (PAGE_FREE | TAG | block_at[at] | (block_dirty[at] ? PAGE_FREE_DIRTY : 0)));
	}
	check(buddy.free_pages == free_pages && buddy.dirty_pages == dirty_pages);
	for (unsigned state = 0; state < BUDDY_STATES; state++)
		for (unsigned order = 0; order < BUDDY_ORDERS; order++)
			check(buddy.list[state][order].blocks == count_blocks(state, order));
}

/* Marks pages free, with some of them dirty, in the array and in the page map. */
static void model_put(struct random *random, size_t at, size_t count)
{
	enum { CLEAN, DIRTY, MIXED } how = random_below(random, 3);
	for (size_t i = at; i < at + count; i++) {
		is_free[i] = true;
		is_dirty[i] = how == DIRTY || (how == MIXED && random_one_in(random, 4));
		pagemap_set_dirty(FIRST + i, 1, is_dirty[i]);
	}
}

static void model_take(size_t at, size_t count)
{
	check(all_free(at, count));
	memset(&is_free[at], 0, count);
}

/* A dirty block is split before a clean one, and of the blocks that head a list the lowest. */
static uintptr_t expected_source(unsigned order, enum buddy_state *state)
{
	for (int s = BUDDY_DIRTY; s >= BUDDY_CLEAN; s--) {
		uintptr_t lowest = UINTPTR_MAX;
		for (unsigned k = order; k < BUDDY_ORDERS; k++)
			if (count_blocks((enum buddy_state)s, k) > 0 && buddy.list[s][k].first < lowest)
				lowest = buddy.list[s][k].first;
		*state = (enum buddy_state)s;
		if (lowest != UINTPTR_MAX)
			return lowest;
	}
	return 0;
}

static void take(unsigned order)
{
	enum buddy_state state;
	uintptr_t expected = expected_source(order, &state);
	uintptr_t page = buddy_take(&buddy, order);
	check(page == expected);
	if (page == 0)
		return;
	size_t at = page - FIRST;
	check(page % ((size_t)1 << order) == 0 && at < PAGES);
	check(block_at[at] >= (int)order && block_dirty[at] == (state == BUDDY_DIRTY));
	model_take(at, (size_t)1 << order);
}

/* Puts back an aligned block of pages that are all in use, if there is one at `at`. */
static void put(struct random *random, size_t at, unsigned order)
{
	at = round_down(at, (size_t)1 << order);
	for (size_t i = at; i < at + ((size_t)1 << order); i++)
		if (is_free[i])
			return;
	model_put(random, at, (size_t)1 << order);
	struct buddy_block block = buddy_put(&buddy, FIRST + at, order);
	struct buddy_block expected = block_around(at);
	check(block.page == FIRST + expected.page && block.order == expected.order);
}

static size_t run_length(size_t at, bool of_free, size_t most)
{
	size_t count = 0;
	while (count < most && at + count < PAGES && is_free[at + count] == of_free)
		count++;
	return count;
}

static void put_range(struct random *random, size_t at)
{
	size_t count = run_length(at, false, 1 + random_below(random, 1500));
	if (count == 0)
		return;
	model_put(random, at, count);
	buddy_put_range(&buddy, FIRST + at, count);
}

static void carve(struct random *random, size_t at)
{
	size_t count = run_length(at, true, 1 + random_below(random, 1500));
	if (count == 0)
		return;
	model_take(at, count);
	buddy_carve(&buddy, FIRST + at, count);
}

static void find(size_t at)
{
	struct buddy_block block;
	check(buddy_find_around(&buddy, FIRST + at, &block) == is_free[at]);
	if (is_free[at])
		check(block.page == FIRST + block_around(at).page && block.order == block_around(at).order);
}

static void find_dirty(unsigned min_order)
{
	struct buddy_block block;
	unsigned highest = BUDDY_ORDERS;
	for (unsigned order = min_order; order < BUDDY_ORDERS; order++)
		if (count_blocks(BUDDY_DIRTY, order) > 0)
			highest = order;
	check(buddy_find_dirty(&buddy, min_order, &block) == (highest < BUDDY_ORDERS));
	if (highest < BUDDY_ORDERS)
		check(block.order == highest && block_at[block.page - FIRST] == (int)highest && block_dirty[block.page - FIRST]);
}

static void step(struct random *random)
{
	size_t at = random_below(random, PAGES);
	unsigned order = (unsigned)random_below(random, BUDDY_ORDERS);
	order = random_one_in(random, 2) ? order : order / 3;
	switch (random_below(random, 10)) {
	case 0:
	case 1:
	case 2:
		take(order);
		break;
	case 3:
	case 4:
	case 5:
		put(random, at, order);
		break;
	case 6:
		put_range(random, at);
		break;
	case 7:
		carve(random, at);
		break;
	case 8:
		find(at);
		break;
	default:
		find_dirty(order);
	}
	compare();
}

static void put_all_back(struct random *random)
{
	for (size_t at = 0; at < PAGES; at++)
		put_range(random, at);
}

static void lists_match_an_array(void **state)
{
	(void)state;
	struct random random = random_start(5);
	assert_true(pagemap_ensure(FIRST, PAGES));
	compare();
	for (size_t i = 0; i < unit_rounds(6000); i++)
		step(&random);
	put_all_back(&random);
	compare();
	assert_int_equal(buddy.free_pages, PAGES);
	assert_int_equal(buddy.list[BUDDY_CLEAN][BUDDY_MAX_ORDER].blocks + buddy.list[BUDDY_DIRTY][BUDDY_MAX_ORDER].blocks,
			 PAGES / BUDDY_MAX_PAGES);
}

enum { HELD = 400, NEWEST = HOT_RUNS };

/* What the test holds, and the hot runs as they were put, the newest last. */
static struct {
	uintptr_t page;
	size_t npages;
} held[HELD], hot[NEWEST];
static size_t nhot;

static size_t newest_of(size_t npages)
{
	size_t at = nhot;
	while (at > 0 && hot[at - 1].npages != npages)
		at--;
	return at;
}

static void take_run(size_t at, size_t npages)
{
	size_t newest = newest_of(npages);
	uintptr_t page = buddy_take_hot(&buddy, npages);
	check(page == (newest == 0 ? 0 : hot[newest - 1].page));
	if (newest != 0) {
		nhot--;
		memmove(&hot[newest - 1], &hot[newest], (nhot + 1 - newest) * sizeof hot[0]);
	} else {
		page = buddy_take_run(&buddy, npages);
		check(page == 0 || page % ((size_t)1 << log2_ceil(npages)) == 0);
	}
	held[at].page = page;
	held[at].npages = page == 0 ? 0 : npages;
	if (page != 0)
		model_take(page - FIRST, npages);
}

/* Sometimes a run's tail goes first, which need not be aligned, and then the rest. */
static void put_run(struct random *random, size_t at)
{
	uintptr_t page = held[at].page;
	size_t npages = held[at].npages;
	if (npages > 1 && random_one_in(random, 5)) {
		size_t tail = 1 + random_below(random, npages - 1);
		held[at].npages = tail;
		held[at].page = page + npages - tail;
		put_run(random, at);
		npages -= tail;
	}
	model_put(random, page - FIRST, npages);
	bool is_hot = buddy_put_hot(&buddy, page, npages);
	bool is_aligned = page % ((size_t)1 << log2_ceil(npages)) == 0;
	check(is_hot == (npages <= HOT_PAGES_MAX && nhot < HOT_RUNS && is_aligned));
	if (is_hot) {
		hot[nhot].page = page;
		hot[nhot++].npages = npages;
	} else {
		buddy_put_range(&buddy, page, npages);
	}
	held[at].npages = 0;
}

static void settle_and_compare(void)
{
	buddy_settle(&buddy);
	nhot = 0;
	check(buddy.hot_runs == 0 && buddy.hot_pages == 0);
	compare();
}

/* The newest hot run of a length is taken first. Hot runs count as free, and settled they are blocks as any other. */
static void hot_runs_come_back_or_settle(void **state)
{
	(void)state;
	struct random random = random_start(9);
	bool was_full = false;
	assert_true(pagemap_ensure(FIRST, PAGES));
	put_all_back(&random);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		size_t at = random_below(&random, HELD);
		bool mostly_takes = i / 1000 % 2 == 0 || random_one_in(&random, 20);
		if (held[at].npages != 0 && !mostly_takes)
			put_run(&random, at);
		else if (held[at].npages == 0 && mostly_takes)
			take_run(at, 1 + random_below(&random, random_one_in(&random, 8) ? HOT_PAGES_MAX + 2 : 4));
		was_full |= nhot == HOT_RUNS;
		buddy_check(&buddy);
		size_t free_pages = 0, dirty_pages = 0;
		for (size_t page = 0; page < PAGES; page++) {
			free_pages += is_free[page];
			dirty_pages += is_free[page] && is_dirty[page];
		}
		check(buddy.free_pages == free_pages && buddy.dirty_pages == dirty_pages);
		if (random_one_in(&random, 800))
			settle_and_compare();
	}
	assert_true(was_full || unit_rounds(100) < 100);
	for (size_t at = 0; at < HELD; at++)
		if (held[at].npages != 0)
			put_run(&random, at);
	settle_and_compare();
	assert_int_equal(buddy.free_pages, PAGES);
}

/* One page at a time, in any order: all merges back. */
static void single_pages_merge_to_the_whole(void **state)
{
	(void)state;
	struct random random = random_start(6);
	assert_true(pagemap_ensure(FIRST, PAGES));
	buddy_put_range(&buddy, FIRST, PAGES);
	for (int i = 0; i < PAGES; i++)
		assert_true(buddy_take(&buddy, 0) >= FIRST);
	assert_int_equal(buddy_take(&buddy, 0), 0);
	assert_int_equal(buddy.free_pages, 0);
	for (size_t left = PAGES; left > 0;) {
		size_t at = random_below(&random, PAGES);
		if (is_free[at])
			continue;
		is_free[at] = true;
		buddy_put(&buddy, FIRST + at, 0);
		left--;
	}
	compare();
	assert_int_equal(buddy.list[BUDDY_CLEAN][BUDDY_MAX_ORDER].blocks, PAGES / BUDDY_MAX_PAGES);
}

/* Low addresses are handed out first, so that the top of the heap becomes free. */
static void fresh_pages_come_in_rising_order(void **state)
{
	(void)state;
	assert_true(pagemap_ensure(FIRST, PAGES));
	/* The small blocks at the end come last, too. */
	buddy_put_range(&buddy, FIRST, BUDDY_MAX_PAGES + 4 + 8);
	for (uintptr_t i = 0; i < BUDDY_MAX_PAGES + 4 + 8; i += 4)
		assert_int_equal(buddy_take(&buddy, 2), FIRST + i);
}

static void neighbours_of_another_zone_do_not_merge(void **state)
{
	(void)state;
	static struct buddy other = {.tag = 0};
	struct buddy_block block;
	assert_true(pagemap_ensure(FIRST, PAGES));
	buddy_put(&buddy, FIRST, 3);
	buddy_put(&other, FIRST + 8, 3);
	buddy_check(&buddy);
	buddy_check(&other);
	assert_int_equal(buddy.list[BUDDY_CLEAN][3].blocks, 1);
	assert_int_equal(other.list[BUDDY_CLEAN][3].blocks, 1);
	assert_false(buddy_find_around(&buddy, FIRST + 8, &block));
	assert_true(buddy_find_around(&other, FIRST + 8, &block));
}

static void carve_what_is_not_free(void *unused)
{
	(void)unused;
	buddy_carve(&buddy, FIRST + 8, 16);
}

static void spoil_free_pages(void *unused)
{
	(void)unused;
	buddy.free_pages++;
	buddy_check(&buddy);
}

static void spoil_dirty(void *unused)
{
	(void)unused;
	pagemap_set_dirty(FIRST + 3, 1, true);
	buddy_check(&buddy);
}

static void spoil_kind(void *unused)
{
	(void)unused;
	pagemap_set_kind(FIRST, PAGE_NONE);
	buddy_check(&buddy);
}

static void faults_are_reported(void **state)
{
	(void)state;
	assert_true(pagemap_ensure(FIRST, PAGES));
	buddy_put_range(&buddy, FIRST, 16);
	unit_expect_abort(carve_what_is_not_free, NULL, "libmalloc: internal error: carved pages are not free");
	unit_expect_abort(spoil_free_pages, NULL, "libmalloc: internal error: buddy: the sums differ");
	unit_expect_abort(spoil_dirty, NULL, "libmalloc: internal error: buddy: a block is on the wrong list");
	unit_expect_abort(spoil_kind, NULL, "libmalloc: internal error: buddy: a listed block has the wrong kind");
}

UNIT_MAIN(UNIT(lists_match_an_array), UNIT(hot_runs_come_back_or_settle),
	  UNIT(single_pages_merge_to_the_whole), UNIT(fresh_pages_come_in_rising_order),
	  UNIT(neighbours_of_another_zone_do_not_merge), UNIT(faults_are_reported))
