/*
 * trim.c - page/trim.h: when the break goes down, and how far.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/trim.h"
#include "page/page_alloc.h"
#include "page/zone.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { THRESHOLD_PAGES = 32, PAD_PAGES = 32 };

static struct zone *const heap = &zones[ZONE_HEAP];

static uintptr_t break_page(void) { return (uintptr_t)sbrk(0) >> PAGE_SHIFT; }

static struct page_run take(size_t npages)
{
	struct page_run run;
	check(page_alloc(npages, &run) && run.zone == ZONE_HEAP);
	memset((void *)(run.page << PAGE_SHIFT), 0xa5, npages << PAGE_SHIFT);
	run.dirty = npages <= 32 ? (uint32_t)bit_range(0, (unsigned)npages) : ~UINT32_C(0);
	return run;
}

static size_t free_at_top(void)
{
	zone_check(heap);
	check(break_page() == heap->span_end);
	return heap->span_end - heap->run_first;
}

/* Runs of one page that end where the top begins: each free lengthens the free run at the top by a page. */
static struct page_run ladder[1500];

static void build_ladder(size_t rungs, size_t pad_pages)
{
	settings.adaptive_trim = 0;
	settings.top_pad = 0;
	take(64);
	while (heap->buddy.free_pages > 0)
		take(1);
	for (size_t i = 0; i < rungs; i++)
		ladder[i] = take(1);
	/* Without a pad each page lies right above the last one. */
	for (size_t i = 1; i < rungs; i++)
		check(ladder[i].page == ladder[i - 1].page + 1);
	settings.top_pad = pad_pages << PAGE_SHIFT;
}

static void the_break_goes_down_when_the_threshold_is_passed(void **state)
{
	(void)state;
	build_ladder(150, PAD_PAGES);
	uintptr_t before = break_page();
	size_t freed = 0;
	while (break_page() == before) {
		assert_true(freed <= THRESHOLD_PAGES);
		page_free(&ladder[149 - freed++]);
	}
	assert_int_equal(freed, THRESHOLD_PAGES + 1);
	assert_int_equal(free_at_top(), PAD_PAGES);
}

static void a_higher_threshold_waits_longer(void **state)
{
	(void)state;
	settings.trim_threshold = 100 * PAGE_BYTES;
	build_ladder(150, 10);
	uintptr_t before = break_page();
	for (size_t freed = 0; freed < 100; freed++)
		page_free(&ladder[149 - freed]);
	assert_int_equal(break_page(), before);
	page_free(&ladder[49]);
	assert_true(break_page() < before);
	assert_int_equal(free_at_top(), 10);
}

static void the_largest_threshold_means_never(void **state)
{
	(void)state;
	settings.trim_threshold = SIZE_MAX;
	struct page_run run = take(3000);
	uintptr_t before = break_page();
	page_free(&run);
	assert_int_equal(break_page(), before);
	assert_true(free_at_top() >= 3000);
}

/* With many pages in use some more must be free, or each slab that goes would pass the threshold again. */
static void a_large_heap_has_slack(void **state)
{
	(void)state;
	enum { USED_PAGES = 4096, RUNGS = 1400 };
	settings.top_pad = 0;
	take(USED_PAGES);
	build_ladder(RUNGS, PAD_PAGES);
	settings.adaptive_trim = 1;
	uintptr_t before = break_page();
	size_t freed = 0;
	while (break_page() == before) {
		assert_true(freed < RUNGS - 1);
		page_free(&ladder[RUNGS - 1 - freed++]);
	}
	/* More than the threshold, and still a small part of the heap. */
	assert_in_range(freed, THRESHOLD_PAGES + 10, THRESHOLD_PAGES + USED_PAGES / 4);
	assert_int_equal(free_at_top(), PAD_PAGES);
}

/* Thresholds that the program set hold exactly. */
static void a_set_threshold_has_no_slack(void **state)
{
	(void)state;
	settings.top_pad = 0;
	settings.adaptive_trim = 0;
	take(100 * 64);
	build_ladder(150, PAD_PAGES);
	uintptr_t before = break_page();
	for (size_t freed = 0; freed < THRESHOLD_PAGES; freed++)
		page_free(&ladder[149 - freed]);
	assert_int_equal(break_page(), before);
	page_free(&ladder[149 - THRESHOLD_PAGES]);
	assert_true(break_page() < before);
}

enum { RUNS = 150, RISING = 0, FALLING = 1 };

/* The end of the highest run that is in use. */
static uintptr_t end_of_use(uintptr_t least)
{
	for (size_t i = 0; i < RUNS; i++)
		if (ladder[i].npages != 0)
			least = size_max(least, ladder[i].page + ladder[i].npages);
	return least;
}

/* In whatever order runs are freed: no more than the threshold of the free run at the top has been in use. */
static void any_order_passes_the_threshold(void **state)
{
	(void)state;
	struct random random = random_start(17);
	build_ladder(2, PAD_PAGES);
	uintptr_t least = ladder[1].page + 1;
	bool went_down = false;
	for (size_t round = 0; round < unit_rounds(60); round++) {
		for (size_t i = 0; i < RUNS; i++)
			ladder[i] = take(1 + random_below(&random, round % 2 ? 40 : 3));
		for (size_t freed = 0; freed < RUNS; freed++) {
			size_t at = round % 3 == RISING ? freed : RUNS - 1 - freed;
			while (round % 3 > FALLING && ladder[at].npages == 0)
				at = random_below(&random, RUNS);
			uintptr_t before = break_page();
			page_free(&ladder[at]);
			ladder[at].npages = 0;
			went_down |= break_page() < before;
			uintptr_t end = end_of_use(least);
			check(heap->touched_end <= end || heap->touched_end - end <= THRESHOLD_PAGES);
		}
	}
	assert_true(went_down);
	zone_check(heap);
}

/* A free run of 100 pages stands at the top: more than is to stay there. */
static void free_while_held(void)
{
	build_ladder(150, PAD_PAGES);
	trim_hold();
	uintptr_t before = break_page();
	for (size_t freed = 0; freed < 100; freed++)
		page_free(&ladder[149 - freed]);
	check(break_page() == before && !trim_is_due(heap));
}

static void held_the_break_stays(void **state)
{
	(void)state;
	free_while_held();
	trim_hold();
	trim_release();
	assert_false(trim_is_due(heap));
	trim_release();
	assert_true(trim_is_due(heap));
	uintptr_t before = break_page();
	page_free(&ladder[49]);
	assert_true(break_page() < before);
	assert_int_equal(free_at_top(), PAD_PAGES);
}

static void *hold_and_leave(void *unused)
{
	trim_hold();
	return unused;
}

static void hold_as_another(void)
{
	pthread_t thread;
	check(pthread_create(&thread, NULL, hold_and_leave, NULL) == 0 && pthread_join(thread, NULL) == 0);
}

/* In the child the holds of other threads are dropped and those of this thread stay. A release ends one's own hold. */
static void a_fork_child_holds_its_own_only(void **state)
{
	(void)state;
	hold_as_another();
	free_while_held();
	hold_as_another();
	trim_release();
	assert_false(trim_is_due(heap));
	trim_release();
	trim_hold();
	trim_hold();
	trim_fork_child();
	assert_false(trim_is_due(heap));
	trim_release();
	assert_false(trim_is_due(heap));
	trim_release();
	assert_true(trim_is_due(heap));
	hold_as_another();
	trim_fork_child();
	assert_true(trim_is_due(heap));
}

/* More threads hold the break than there are entries for. */
static void any_number_may_hold(void **state)
{
	(void)state;
	free_while_held();
	for (int i = 0; i < 100; i++)
		hold_as_another();
	for (int i = 0; i < 100; i++)
		trim_hold();
	for (int i = 0; i < 100; i++)
		trim_release();
	assert_false(trim_is_due(heap));
	trim_fork_child();
	trim_release();
	assert_true(trim_is_due(heap));
}

static void untouched_pages_do_not_count(void **state)
{
	(void)state;
	settings.adaptive_trim = 0;
	/* The break comes to stand at 4 MiB, so that the pages are handed out from the start of the heap on. */
	settings.top_pad = round_up((uintptr_t)sbrk(0) + 1000 * PAGE_BYTES, BUDDY_MAX_PAGES * PAGE_BYTES) -
			   round_up((uintptr_t)sbrk(0), PAGE_BYTES) - PAGE_BYTES;
	struct page_run run = take(1);
	uintptr_t before = break_page();
	assert_true(free_at_top() >= 900);
	page_free(&run);
	assert_int_equal(break_page(), before);
	assert_false(trim_is_due(heap));
}

static void pages_below_one_in_use_stay(void **state)
{
	(void)state;
	struct page_run low = take(500);
	struct page_run high = take(1);
	while (high.page < low.page)
		high = take(1);
	page_free(&low);
	assert_true(break_page() > high.page);
	trim_to_pad(heap, 0);
	assert_true(break_page() > high.page);
	assert_int_equal(*(unsigned char *)(high.page << PAGE_SHIFT), 0xa5);
	/* With the last one gone all of it goes. */
	uintptr_t before = break_page();
	page_free(&high);
	trim_to_pad(heap, 0);
	assert_true(break_page() < before - 400);
}

static void exactly_the_pad_is_left(void **state)
{
	(void)state;
	settings.trim_threshold = SIZE_MAX;
	struct page_run pin = take(1);
	struct page_run run = take(900);
	assert_true(run.page > pin.page);
	page_free(&run);
	static const size_t pads[] = {600, 599, 64, 63, 1, 0};
	for (size_t i = 0; i < sizeof(pads) / sizeof(pads[0]); i++) {
		assert_true(trim_to_pad(heap, pads[i] << PAGE_SHIFT));
		assert_int_equal(free_at_top(), pads[i]);
		/* Nothing more to do. */
		assert_false(trim_to_pad(heap, pads[i] << PAGE_SHIFT));
		assert_false(trim_to_pad(heap, SIZE_MAX));
	}
	assert_int_equal(*(unsigned char *)(pin.page << PAGE_SHIFT), 0xa5);
	/* The heap grows again from there, and what comes back is zero. */
	assert_true(page_alloc(32, &run));
	assert_int_equal(run.dirty, 0);
	assert_true(content_is_zero((void *)(run.page << PAGE_SHIFT), 32 * PAGE_BYTES));
}

static void an_empty_heap_can_be_trimmed_to_nothing(void **state)
{
	(void)state;
	assert_false(trim_to_pad(heap, 0));
	uintptr_t start = (uintptr_t)sbrk(0);
	struct page_run run = take(10);
	page_free(&run);
	assert_true(trim_to_pad(heap, 0));
	assert_int_equal(heap->total_pages, 0);
	assert_true((uintptr_t)sbrk(0) < start + 2 * PAGE_BYTES);
	run = take(10);
	assert_int_equal(run.dirty, 0x3ff);
	zone_check(heap);
	assert_int_equal(zone_used_pages(), 10);
}

/* The counts hold, and the frames are gone: what is said to be clean reads as zeros. */
static void counts_hold_over_many_rounds(void **state)
{
	(void)state;
	struct random random = random_start(9);
	for (size_t i = 0; i < unit_rounds(300); i++) {
		struct page_run run[8];
		for (size_t at = 0; at < 8; at++) {
			size_t npages = 1 + random_below(&random, 200);
			assert_true(page_alloc(npages, &run[at]));
			for (size_t page = 0; page < npages; page++)
				if (npages <= 32 ? (run[at].dirty >> page & 1) == 0 : run[at].dirty == 0)
					check(content_is_zero((void *)((run[at].page + page) << PAGE_SHIFT), PAGE_BYTES));
			memset((void *)(run[at].page << PAGE_SHIFT), 1, npages << PAGE_SHIFT);
			run[at].dirty = ~UINT32_C(0);
		}
		for (size_t at = 0; at < 8; at++)
			page_free(&run[at]);
		trim_to_pad(heap, random_below(&random, 40) << PAGE_SHIFT);
		zone_check(heap);
		check(zone_used_pages() == 0);
		check(heap->total_pages == heap->buddy.free_pages);
	}
}

/* A program that buys back what it gave back is to keep more at the top too. */
static void the_threshold_follows_the_purge(void **state)
{
	(void)state;
	size_t before = trim_threshold_pages();
	assert_int_equal(before, THRESHOLD_PAGES);
	for (unsigned level = 0; level < 3; level = purge_loosened()) {
		while (purge_loosened() == level) {
			purge_note_purged(1);
			purge_note_bought(1);
			purge_review();
		}
		assert_true(trim_threshold_pages() > before);
		before = trim_threshold_pages();
	}
	settings.trim_threshold = SIZE_MAX;
	assert_true(trim_threshold_pages() >= SIZE_MAX >> PAGE_SHIFT);
}

/* All of it is bought back each time: after some rounds the break stays where it is. */
static void a_tight_loop_loosens_the_threshold(void **state)
{
	(void)state;
	uintptr_t before = 0;
	size_t moved = 0;
	for (int i = 0; i < 400; i++) {
		struct page_run run = take(100);
		page_free(&run);
		moved += break_page() != before;
		assert_true(break_page() == before || i < 200);
		before = break_page();
	}
	assert_true(purge_loosened() > 0);
	assert_true(moved > 0);
}

UNIT_MAIN(UNIT(the_break_goes_down_when_the_threshold_is_passed), UNIT(a_higher_threshold_waits_longer),
	  UNIT(the_largest_threshold_means_never), UNIT(a_large_heap_has_slack),
	  UNIT(a_set_threshold_has_no_slack), UNIT(any_order_passes_the_threshold), UNIT(held_the_break_stays),
	  UNIT(a_fork_child_holds_its_own_only), UNIT(any_number_may_hold), UNIT(untouched_pages_do_not_count), UNIT(pages_below_one_in_use_stay),
	  UNIT(exactly_the_pad_is_left), UNIT(an_empty_heap_can_be_trimmed_to_nothing), UNIT(counts_hold_over_many_rounds),
	  UNIT(the_threshold_follows_the_purge),
	  UNIT(a_tight_loop_loosens_the_threshold))
