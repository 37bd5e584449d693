/*
 * zone.c - page_alloc and page_free at random against a list of runs: nothing overlaps, contents stay, counts agree, and
 * pages that are said to be clean read as zeros.
 */
#include "unit.h"

#include "base/bits.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/trim.h"
#include "page/page_alloc.h"
#include "page/zone.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { RUNS = 120, THREADS = 4 };

struct held {
	struct page_run run;
	uint64_t tag;
	uint32_t written; /* a run of more than 32 pages: all or nothing of it */
};

static void *page_address(uintptr_t page) { return (void *)(page << PAGE_SHIFT); }

static bool said_clean(const struct page_run *run, size_t i)
{
	return run->npages <= 32 ? (run->dirty >> i & 1) == 0 : run->dirty == 0;
}

static bool is_written(const struct held *held, size_t i)
{
	return held->run.npages <= 32 ? (held->written >> i & 1) != 0 : held->written != 0;
}

static void check_run(const struct page_run *run, size_t npages)
{
	size_t alignment = (size_t)1 << size_min(log2_ceil(npages), BUDDY_MAX_ORDER);
	check(run->npages == npages);
	check(run->page != 0 && run->page % alignment == 0);
	check(npages > 32 || (run->dirty & ~bit_range(0, (unsigned)npages)) == 0);
	for (size_t i = 0; i < npages; i++)
		if (said_clean(run, i))
			check(content_is_zero(page_address(run->page + i), PAGE_BYTES));
}

static size_t random_size(struct random *random)
{
	switch (random_below(random, 12)) {
	case 0:
		return 33 + random_below(random, 100);
	case 1:
		return 1 + random_below(random, 20) * random_below(random, 20) * random_below(random, 6);
	default:
		return 1 + random_below(random, random_one_in(random, 4) ? 32 : 5);
	}
}

/* Of any zone; quietly, where there are such pages. */
static void take_from(struct random *random, size_t npages, struct page_run *run)
{
	enum zone_id zone = random_one_in(random, 8) ? ZONE_DMA32 : ZONE_HEAP;
	bool quiet = random_one_in(random, 4) && page_alloc_from(zone, npages, PAGES_QUIET, run);
	if (!quiet)
		check(zone == ZONE_HEAP ? page_alloc(npages, run) : page_alloc_from(zone, npages, PAGES_GROW, run));
	check((zone == ZONE_DMA32) == (run->zone == ZONE_DMA32));
	check(zone != ZONE_DMA32 || run->page + run->npages <= (uintptr_t)1 << (32 - PAGE_SHIFT));
}

static void take(struct random *random, struct held *held)
{
	size_t npages = random_size(random);
	take_from(random, npages, &held->run);
	check_run(&held->run, npages);
	held->tag = random_next(random);
	held->written = (uint32_t)(random_next(random) & random_next(random));
	for (size_t i = 0; i < npages; i++)
		if (is_written(held, i))
			content_write(page_address(held->run.page + i), PAGE_BYTES, held->tag);
}

static void give_back(struct held *held)
{
	for (size_t i = 0; i < held->run.npages; i++)
		if (is_written(held, i))
			check(content_is(page_address(held->run.page + i), PAGE_BYTES, held->tag));
	held->run.dirty |= held->written;
	page_free(&held->run);
	held->run.npages = 0;
}

static struct held runs[THREADS][RUNS];
static size_t pages_held;

static void random_step(struct random *random, struct held *table)
{
	struct held *held = &table[random_below(random, RUNS)];
	if (held->run.npages == 0)
		take(random, held);
	else
		give_back(held);
}

static void step(struct random *random)
{
	struct held *held = &runs[0][random_below(random, RUNS)];
	pages_held -= held->run.npages;
	if (held->run.npages == 0)
		take(random, held);
	else
		give_back(held);
	pages_held += held->run.npages;
	if (random_one_in(random, 40))
		purge_free_pages(random_below(random, 100));
	if (random_one_in(random, 60))
		trim_to_pad(&zones[ZONE_HEAP], random_below(random, 50) << PAGE_SHIFT);
}

static void give_all_back(struct held *table)
{
	for (size_t i = 0; i < RUNS; i++)
		if (table[i].run.npages != 0)
			give_back(&table[i]);
}

static void counts_agree(size_t used)
{
	size_t in_zones = 0;
	for (int id = 0; id < ZONE_COUNT; id++) {
		zone_check(&zones[id]);
		check(zones[id].detached_pages == 0);
		in_zones += zones[id].total_pages - zones[id].buddy.free_pages;
	}
	check(zone_used_pages() == used && in_zones == used);
	size_t dirty = 0;
	for (int id = 0; id < ZONE_COUNT; id++)
		dirty += zones[id].buddy.dirty_pages;
	check(zone_dirty_pages() == dirty);
}

static void runs_keep_their_contents(void **state)
{
	(void)state;
	struct random random = random_start(7);
	for (size_t i = 0; i < unit_rounds(6000); i++) {
		step(&random);
		counts_agree(pages_held);
	}
	give_all_back(runs[0]);
	counts_agree(0);
	purge_free_pages(0);
	assert_int_equal(zone_dirty_pages(), 0);
}

/* The lowest pages above which all is free, as the runs in use say. */
static void the_free_run_at_the_top_is_known(void **state)
{
	(void)state;
	struct random random = random_start(8);
	struct zone *zone = &zones[ZONE_HEAP];
	for (size_t i = 0; i < unit_rounds(3000); i++) {
		step(&random);
		uintptr_t end = zone->span_first;
		for (size_t at = 0; at < RUNS; at++)
			if (runs[0][at].run.npages != 0 && runs[0][at].run.page < zone->span_end)
				end = size_max(end, runs[0][at].run.page + runs[0][at].run.npages);
		check(zone->run_first == end || (zone->run_first > end && zone->buddy.hot_pages > 0));
		lock_acquire(&zone->lock, RANK_ZONE);
		zone_settle(zone);
		zone_unlock(zone);
		check(zone->run_first == end && zone->buddy.hot_pages == 0);
	}
}

static void huge_runs_are_taken(void **state)
{
	(void)state;
	struct page_run run[3];
	struct page_run pin;
	size_t used = 0;
	for (size_t i = 0; i < 3; i++) {
		size_t npages = BUDDY_MAX_PAGES + 1 + i * 700;
		assert_true(page_alloc(npages, &run[i]));
		check_run(&run[i], npages);
		assert_true(page_alloc(1, &pin));
		memset(page_address(run[i].page), 1, npages << PAGE_SHIFT);
		used += npages + 1;
		counts_agree(used);
	}
	for (size_t i = 0; i < 3; i++) {
		run[i].dirty = ~UINT32_C(0);
		used -= run[i].npages;
		page_free(&run[i]);
		counts_agree(used);
	}
}

/* A loop over one huge run goes on in the same pages. */
static void huge_runs_are_used_again(void **state)
{
	(void)state;
	struct page_run run;
	assert_true(page_alloc(3000, &run));
	run.dirty = 0;
	page_free(&run);
	size_t total = zones[ZONE_HEAP].total_pages + zones[ZONE_MAPPED].total_pages;
	for (int i = 0; i < 50; i++) {
		assert_true(page_alloc(3000, &run));
		page_free(&run);
	}
	assert_true(zones[ZONE_HEAP].total_pages + zones[ZONE_MAPPED].total_pages <= total);
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX >> PAGE_SHIFT, SIZE_MAX >> (PAGE_SHIFT + 1),
				       (size_t)1 << 40, (size_t)1 << 36};
	struct page_run run;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_false(page_alloc(sizes[i], &run));
	counts_agree(0);
	assert_true(page_alloc(1, &run));
	counts_agree(1);
}

static void used_pages_are_remembered(void **state)
{
	(void)state;
	struct page_run run, pin;
	assert_true(page_alloc(10, &run));
	assert_true(page_alloc(1, &pin));
	run.dirty = 0x3ff;
	page_free(&run);
	for (size_t i = 0; i < 10; i++)
		assert_true(zone_page_was_used(run.page + i) && zone_keeps_page(run.page + i));
	assert_false(zone_page_was_used(zones[ZONE_HEAP].span_end - 1));
	assert_true(zone_keeps_page(zones[ZONE_HEAP].span_end - 1));
	uintptr_t others[] = {zones[ZONE_HEAP].span_end, zones[ZONE_HEAP].span_first - 1,
			      (uintptr_t)&run >> PAGE_SHIFT, 0, UINTPTR_MAX >> PAGE_SHIFT};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		assert_false(zone_page_was_used(others[i]) || zone_keeps_page(others[i]));
}

static void pages_that_went_back_are_anybodys(void **state)
{
	(void)state;
	struct page_run run;
	assert_true(page_alloc(10, &run));
	uintptr_t last = run.page + 9;
	page_free(&run);
	assert_true(zone_keeps_page(last));
	assert_true(trim_to_pad(&zones[ZONE_HEAP], 0));
	assert_true(last >= zones[ZONE_HEAP].span_end);
	assert_true(zone_page_was_used(last));
	assert_false(zone_keeps_page(last));
	/* Pages that the heap grows over belong to the heap again. */
	assert_true(page_alloc(10, &run));
	assert_int_equal(run.page + 9, last);
	assert_true(zone_keeps_page(last));
	page_free(&run);
}

static void pages_of_extents_are_kept(void **state)
{
	(void)state;
	struct page_run run;
	assert_true(page_alloc_from(ZONE_DMA32, 10, PAGES_GROW, &run));
	uintptr_t beside = run.page ^ 512;
	assert_true(zone_keeps_page(beside) && zone_page_was_used(beside));
	page_free(&run);
	assert_true(zone_keeps_page(run.page) && zone_page_was_used(run.page));
}

static void churn(unsigned index)
{
	struct random random = random_start(100 + index);
	for (size_t i = 0; i < unit_rounds(4000); i++) {
		random_step(&random, runs[index]);
		if (index == 0 && random_one_in(&random, 20))
			purge_free_pages(random_below(&random, 100));
		if (index == 1 && random_one_in(&random, 20))
			trim_to_pad(&zones[ZONE_HEAP], random_below(&random, 50) << PAGE_SHIFT);
		if (random_one_in(&random, 200))
			zone_check(&zones[ZONE_HEAP]);
	}
	give_all_back(runs[index]);
}

static void threads_keep_their_runs_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	counts_agree(0);
	purge_free_pages(0);
	assert_int_equal(zone_dirty_pages(), 0);
}

/* Without system calls only free pages are handed out, and nobody waits for the lock of a zone. */
static void quiet_takes_what_is_there(void **state)
{
	(void)state;
	struct page_run run;
	struct page_run quiet;
	struct page_run above;
	assert_false(page_alloc_from(ZONE_HEAP, 1, PAGES_QUIET, &quiet));
	assert_false(page_alloc_from(ZONE_DMA32, 1, PAGES_QUIET, &quiet));
	for (int i = 0; i < 2; i++) {
		enum zone_id zone = i == 0 ? ZONE_HEAP : ZONE_DMA32;
		size_t npages = 2 * BUDDY_MAX_PAGES;
		assert_true(page_alloc_from(zone, npages, PAGES_GROW, &run));
		assert_int_equal(run.zone, zone);
		/* The break does not go down over what lies above. */
		assert_true(page_alloc_from(zone, BUDDY_MAX_PAGES, PAGES_GROW, &above));
		page_free(&run);
		size_t total = zones[zone].total_pages;
		assert_true(page_alloc_from(zone, 700, PAGES_QUIET, &quiet));
		assert_false(page_alloc_from(zone, total, PAGES_QUIET, &run));
		lock_acquire(&zones[zone].lock, RANK_ZONE);
		assert_false(page_alloc_from(zone, 1, PAGES_QUIET, &run));
		zone_unlock(&zones[zone]);
		assert_true(page_alloc_from(zone, 1, PAGES_QUIET, &run));
		assert_int_equal(zones[zone].total_pages, total);
		page_free(&quiet);
		page_free(&run);
		page_free(&above);
		zone_check(&zones[zone]);
	}
}

UNIT_MAIN(UNIT(quiet_takes_what_is_there), UNIT(runs_keep_their_contents), UNIT(the_free_run_at_the_top_is_known), 
	  UNIT(huge_runs_are_taken),
	  UNIT(huge_runs_are_used_again), UNIT(impossible_sizes_are_refused), UNIT(used_pages_are_remembered),
	  UNIT(pages_that_went_back_are_anybodys), UNIT(pages_of_extents_are_kept),
	  UNIT(threads_keep_their_runs_apart))
