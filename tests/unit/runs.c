/*
 * runs.c - large/run.h: pages of the heap as blocks, with any alignment up to 4 MiB.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "large/run.h"
#include "page/buddy.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/zone.h"

#include <string.h>

enum { RUNS = 60, THREADS = 3, MAX_ALIGNMENT = BUDDY_MAX_PAGES * PAGE_BYTES };

struct held {
	void *address;
	size_t bytes;
	uint64_t tag;
};

static struct held runs[THREADS][RUNS];

static size_t page_multiple(size_t bytes) { return round_up(size_max(bytes, 1), PAGE_BYTES); }

static void *run_alloc_any(size_t bytes, size_t alignment)
{
	return run_alloc(ZONE_HEAP, PAGES_GROW, bytes, alignment, LARGE_ANY);
}

static void take(struct random *random, struct held *held)
{
	size_t alignment = random_one_in(random, 2) ? 0 : (size_t)1 << random_below(random, 20);
	held->bytes = 1 + random_below(random, random_one_in(random, 5) ? 1 << 21 : 100000);
	held->tag = random_next(random);
	enum large_content content = random_one_in(random, 2) ? LARGE_ZEROED : LARGE_ANY;
	held->address = run_alloc(ZONE_HEAP, PAGES_GROW, held->bytes, alignment, content);
	check(held->address != NULL);
	check((uintptr_t)held->address % size_max(alignment, PAGE_BYTES) == 0);
	check(run_usable((uintptr_t)held->address) == page_multiple(held->bytes));
	if (content == LARGE_ZEROED)
		check(content_is_zero(held->address, page_multiple(held->bytes)));
	content_write(held->address, held->bytes, held->tag);
}

static void give(struct held *held)
{
	check(content_is(held->address, held->bytes, held->tag));
	check(run_free((uintptr_t)held->address));
	held->address = NULL;
}

static void churn(unsigned index)
{
	struct random random = random_start(80 + index);
	for (size_t i = 0; i < unit_rounds(1500); i++) {
		struct held *held = &runs[index][random_below(&random, RUNS)];
		if (held->address == NULL)
			take(&random, held);
		else
			give(held);
		if (random_one_in(&random, 20))
			purge_free_pages(random_below(&random, 200));
	}
}

static size_t bytes_held(unsigned threads)
{
	size_t bytes = 0;
	for (unsigned index = 0; index < threads; index++)
		for (size_t i = 0; i < RUNS; i++)
			bytes += runs[index][i].address == NULL ? 0 : page_multiple(runs[index][i].bytes);
	return bytes;
}

static void counts_agree_until_all_is_free(unsigned threads)
{
	check(run_bytes() == bytes_held(threads));
	check(zone_used_pages() * PAGE_BYTES == bytes_held(threads));
	for (unsigned index = 0; index < threads; index++)
		for (size_t i = 0; i < RUNS; i++)
			if (runs[index][i].address != NULL)
				give(&runs[index][i]);
	check(run_bytes() == 0 && zone_used_pages() == 0);
	check_everything();
}

static void runs_keep_their_contents(void **state)
{
	(void)state;
	churn(0);
	counts_agree_until_all_is_free(1);
}

static void threads_keep_their_runs_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	counts_agree_until_all_is_free(THREADS);
}

static void every_alignment_is_kept_and_its_tail_given_back(void **state)
{
	(void)state;
	for (size_t alignment = 1; alignment <= MAX_ALIGNMENT; alignment *= 2) {
		void *block = run_alloc(ZONE_HEAP, PAGES_GROW, 5000, alignment, LARGE_ZEROED);
		assert_non_null(block);
		assert_int_equal((uintptr_t)block % alignment, 0);
		assert_int_equal(run_usable((uintptr_t)block), 8192);
		assert_int_equal(zone_used_pages(), 2);
		assert_true(content_is_zero(block, 8192));
		memset(block, 1, 8192);
		zone_check(&zones[ZONE_HEAP]);
		assert_true(run_free((uintptr_t)block));
	}
	assert_null(run_alloc_any(5000, 2 * (size_t)MAX_ALIGNMENT));
	assert_null(run_alloc_any(SIZE_MAX, 0));
	assert_null(run_alloc_any(SIZE_MAX - PAGE_BYTES, 0));
	assert_null(run_alloc_any(SIZE_MAX / 2, 65536));
}

/* The tail that is given back is as dirty as it was. */
static void tails_keep_their_dirt(void **state)
{
	(void)state;
	settings.trim_threshold = SIZE_MAX;
	void *block = run_alloc_any(32 * PAGE_BYTES, 32 * PAGE_BYTES);
	memset(block, 1, 32 * PAGE_BYTES);
	assert_true(run_free((uintptr_t)block));
	size_t dirty = zone_dirty_pages();
	void *first = run_alloc_any(3 * PAGE_BYTES, 32 * PAGE_BYTES);
	assert_ptr_equal(first, block);
	assert_int_equal(*(char *)first, 1);
	assert_int_equal(zone_dirty_pages(), dirty - 3);
	assert_int_equal(pagemap_count_dirty(((uintptr_t)block >> PAGE_SHIFT) + 3, 29), 29);
	zone_check(&zones[ZONE_HEAP]);
}

static void only_starts_of_live_runs_are_known(void **state)
{
	(void)state;
	uintptr_t block = (uintptr_t)run_alloc_any(3 * PAGE_BYTES, 0);
	assert_int_equal(run_usable(block), 3 * PAGE_BYTES);
	for (uintptr_t offset = 1; offset < 3 * PAGE_BYTES; offset += offset % PAGE_BYTES == 0 ? 1 : PAGE_BYTES / 2 - 1) {
		assert_int_equal(run_usable(block + offset), 0);
		assert_false(run_free(block + offset));
	}
	assert_false(run_free(0));
	assert_false(run_free(UINTPTR_MAX));
	assert_false(run_free((uintptr_t)&block));
	assert_true(run_free(block));
	assert_false(run_free(block));
	assert_int_equal(run_usable(block), 0);
	assert_int_equal(run_bytes(), 0);
}

/* Runs that are freed in the middle of the heap count like small objects: their frees pay for the purge. */
static void freed_runs_are_purged(void **state)
{
	(void)state;
	void *run[200];
	for (size_t i = 0; i < 200; i++) {
		run[i] = run_alloc_any(50 * PAGE_BYTES, 0);
		memset(run[i], 1, 50 * PAGE_BYTES);
	}
	for (size_t i = 0; i < 200; i += 2)
		assert_true(run_free((uintptr_t)run[i]));
	assert_true(zone_dirty_pages() <= idle_limit());
}

UNIT_MAIN(UNIT(runs_keep_their_contents), UNIT(threads_keep_their_runs_apart),
	  UNIT(every_alignment_is_kept_and_its_tail_given_back), UNIT(tails_keep_their_dirt),
	  UNIT(only_starts_of_live_runs_are_known), UNIT(freed_runs_are_purged))
