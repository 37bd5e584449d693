/*
 * region.c - ext/region.c: the region against a model, with marks, at the edges, and misused.
 */
#define _GNU_SOURCE
#include <libmalloc/pool.h>
#include "magazine/depot.h"
#include "unit.h"

#include "large/run.h"
#include "large/large_cache.h"
#include "heap/heap.h"
#include "page/zone.h"
#include "scarce.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BLOCKS_MAX = 5000, MARKS_MAX = 20, KIB = 1024 };

struct block {
	char *address;
	size_t size;
	uint64_t tag;
};

struct noted {
	struct lm_region_mark mark;
	size_t nblocks;
	size_t used;
};

/* What the region should hold: its blocks in order, and the marks, each with what there was then. */
static struct {
	struct lm_region *region;
	struct block block[BLOCKS_MAX];
	size_t nblocks;
	struct noted noted[MARKS_MAX];
	size_t nmarks;
} model;

static void blocks_are_intact(size_t from)
{
	for (size_t i = from; i < model.nblocks; i++)
		assert_true(content_is(model.block[i].address, model.block[i].size, model.block[i].tag));
}

static void add_block(char *address, size_t size, size_t align, uint64_t tag)
{
	assert_non_null(address);
	assert_int_equal((uintptr_t)address % align, 0);
	for (size_t i = model.nblocks > 30 ? model.nblocks - 30 : 0; i < model.nblocks; i++)
		assert_true(address + size <= model.block[i].address ||
			    address >= model.block[i].address + model.block[i].size);
	content_write(address, size, tag);
	model.block[model.nblocks++] = (struct block){address, size, tag};
}

static void model_alloc(struct random *random)
{
	size_t align = 16;
	size_t size = random_below(random, random_one_in(random, 40) ? 100 * KIB : 300);
	char *block;
	size_t before = lm_region_used(model.region);
	if (model.nblocks == BLOCKS_MAX)
		return;
	if (random_one_in(random, 4)) {
		align = (size_t)1 << random_below(random, 13);
		block = lm_region_aligned(model.region, align, size);
	} else {
		block = lm_region_alloc(model.region, size);
	}
	add_block(block, size, align, random_next(random));
	assert_true(lm_region_used(model.region) >= before + size);
	assert_true(lm_region_used(model.region) <= before + size + 16 + (align > 16 ? align : 0));
}

static void model_strdup(struct random *random)
{
	char string[200];
	size_t length = random_below(random, sizeof(string));
	for (size_t i = 0; i < length; i++)
		string[i] = (char)(1 + random_below(random, 255));
	string[length] = '\0';
	assert_string_equal(lm_region_strdup(model.region, string), string);
}

static void model_mark(void)
{
	if (model.nmarks == MARKS_MAX)
		return;
	model.noted[model.nmarks++] =
		(struct noted){lm_region_mark(model.region), model.nblocks, lm_region_used(model.region)};
}

static void model_release(struct random *random)
{
	if (model.nmarks == 0)
		return;
	size_t i = random_below(random, model.nmarks);
	blocks_are_intact(model.noted[i].nblocks);
	lm_region_release(model.region, model.noted[i].mark);
	model.nblocks = model.noted[i].nblocks;
	model.nmarks = random_one_in(random, 2) ? i + 1 : i;
	assert_int_equal(lm_region_used(model.region), model.noted[i].used);
}

/* Marks of the empty region, which stand first, stay. */
static void model_reset(void)
{
	size_t nempty = 0;
	blocks_are_intact(0);
	lm_region_reset(model.region);
	while (nempty < model.nmarks && model.noted[nempty].used == 0)
		nempty++;
	model.nmarks = nempty;
	model.nblocks = 0;
	assert_int_equal(lm_region_used(model.region), 0);
}

static void random_steps_agree_with_a_model(void **state)
{
	(void)state;
	static const size_t steps[] = {0, 1, 100, 1000, 4096, 50000, 300000};
	struct random random = random_start(21);
	for (size_t round = 0; round < unit_rounds(42); round++) {
		model.region = lm_region_create(steps[round % 7]);
		model.nblocks = model.nmarks = 0;
		for (size_t i = 0; i < 1500; i++) {
			size_t what = random_below(&random, 100);
			if (what < 80)
				model_alloc(&random);
			else if (what < 85)
				model_strdup(&random);
			else if (what < 93)
				model_mark();
			else if (what < 98)
				model_release(&random);
			else if (random_one_in(&random, 4))
				model_reset();
			else if (random_one_in(&random, 2) && lm_region_used(model.region) == 0)
				model_mark();
			lm_region_used(model.region); /* tests the invariant in debug builds */
		}
		blocks_are_intact(0);
		lm_region_destroy(model.region);
	}
	lm_region_destroy(NULL);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
	assert_int_equal(zone_used_pages(), 0);
}

static size_t run_or_mapped_kib(void) { return (run_bytes() + large_cache_counts().bytes) / KIB; }

/* What is kept of the system's memory: a step, and what comes with it as too little to be kept alone. */
static void reset_keeps_one_step(void **state)
{
	(void)state;
	struct lm_region *region = lm_region_create(200 * KIB);
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 50; i++)
			assert_non_null(lm_region_alloc(region, i % 10 == round % 10 ? 300 * KIB : 60 * KIB));
		lm_region_reset(region);
		lm_region_used(region);
		assert_true(run_or_mapped_kib() <= 2 * 200);
	}
	void *kept = lm_region_alloc(region, 10);
	lm_region_reset(region);
	assert_ptr_equal(lm_region_alloc(region, 10), kept);
	lm_region_destroy(region);
	assert_int_equal(run_or_mapped_kib(), 0);
}

static void empty_and_impossible_requests(void **state)
{
	(void)state;
	struct lm_region *region = lm_region_create(0);
	struct lm_region_mark none = lm_region_mark(region);
	assert_int_equal(lm_region_used(region), 0);
	char *first = lm_region_alloc(region, 0);
	char *second = lm_region_alloc(region, 0);
	assert_true(first != NULL && second != NULL && first != second);
	size_t used = lm_region_used(region);
	static const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 32,
					    SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 62, (size_t)1 << 48};
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		errno = 0;
		assert_null(lm_region_alloc(region, impossible[i]));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(lm_region_aligned(region, 4096, impossible[i]));
		assert_int_equal(errno, ENOMEM);
	}
	assert_int_equal(lm_region_used(region), used);
	lm_region_release(region, none);
	assert_int_equal(lm_region_used(region), 0);
	lm_region_alloc(region, 100);
	lm_region_reset(region);
	lm_region_alloc(region, 200);
	lm_region_release(region, none);
	assert_int_equal(lm_region_used(region), 0);
	lm_region_used(region);
	lm_region_destroy(region);
}

static void align_wrongly(void *align)
{
	struct lm_region *region = lm_region_create(0);
	errno = 0;
	check(lm_region_aligned(region, *(size_t *)align, 8) == NULL && errno == EINVAL);
}

static void wrong_alignments_are_refused(void **state)
{
	(void)state;
	static size_t aligns[] = {0, 3, 24, 8192, SIZE_MAX};
	for (size_t i = 0; i < 5; i++) {
		char text[200];
		assert_int_equal(unit_capture(align_wrongly, &aligns[i], text, sizeof(text)), 0);
		assert_string_equal(text, "libmalloc: bad argument: align must be a power of two up to 4096 (lm_region_aligned)\n");
	}
}

/* A step that is not to be had is no reason to fail. */
static void a_step_too_large_is_done_without(void **state)
{
	(void)state;
	struct lm_region *region = lm_region_create(SIZE_MAX / 4);
	for (int i = 0; i < 100; i++)
		content_write(lm_region_alloc(region, 1000), 1000, 1);
	lm_region_used(region);
	lm_region_reset(region);
	lm_region_destroy(region);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

struct release {
	struct lm_region *region;
	struct lm_region_mark mark;
};

static void release_in_child(void *argument)
{
	const struct release *release = argument;
	lm_region_release(release->region, release->mark);
}

static void expect_bad(struct lm_region *region, struct lm_region_mark mark)
{
	char line[200];
	struct release release = {region, mark};
	snprintf(line, sizeof(line), "libmalloc: mark not valid for this region: 0x%zx (lm_region_release)", (size_t)mark.block);
	unit_expect_abort(release_in_child, &release, line);
}

static void marks_that_are_void_are_reported(void **state)
{
	(void)state;
	struct lm_region *region = lm_region_create(1000);
	struct lm_region *other = lm_region_create(1000);
	lm_region_alloc(region, 100);
	lm_region_alloc(other, 100);
	struct lm_region_mark early = lm_region_mark(region);
	lm_region_alloc(region, 100);
	struct lm_region_mark late = lm_region_mark(region);
	lm_region_alloc(region, 2000);
	struct lm_region_mark later = lm_region_mark(region);
	expect_bad(other, early);
	expect_bad(region, (struct lm_region_mark){NULL, 16});
	expect_bad(region, (struct lm_region_mark){early.block, early.used + 8});
	expect_bad(region, (struct lm_region_mark){early.block, later.used});
	expect_bad(region, (struct lm_region_mark){later.block, early.used});
	expect_bad(region, (struct lm_region_mark){later.block, SIZE_MAX & ~(size_t)15});
	lm_region_release(region, early);
	expect_bad(region, late);
	expect_bad(region, later);
	lm_region_release(region, early);
}

static void free_in_heap(void *block) { heap_free(block, "free"); }

static void blocks_are_no_blocks_of_the_heap(void **state)
{
	(void)state;
	static const size_t steps[] = {100, 0, 200 * KIB};
	for (size_t i = 0; i < 3; i++) {
		char line[100];
		struct lm_region *region = lm_region_create(steps[i]);
		void *block = lm_region_alloc(region, 10);
		snprintf(line, sizeof(line), "libmalloc: interior pointer: %p (free)", block);
		unit_expect_abort(free_in_heap, block, line);
	}
}

static struct lm_region *scarce;
static size_t scarce_used, pages_used;

static bool alloc_large(void)
{
	if (scarce == NULL)
		scarce = lm_region_create(64 * KIB);
	if (scarce == NULL)
		return false;
	lm_region_reset(scarce);
	scarce_used = 0;
	for (int i = 0; i < 300; i++) {
		scarce_used = lm_region_used(scarce);
		if (lm_region_alloc(scarce, 50 * KIB) == NULL)
			return false;
	}
	lm_region_destroy(scarce);
	scarce = NULL;
	scarce_used = 0;
	return true;
}

static bool region_is_as_before(void)
{
	if (scarce != NULL)
		return lm_region_used(scarce) == scarce_used;
	thread_cache_flush();
	return zone_used_pages() <= pages_used;
}

static void no_memory_at_any_step_loses_nothing(void **state)
{
	(void)state;
	check(alloc_large());
	use_up_meta();
	thread_cache_flush();
	pages_used = zone_used_pages();
	assert_true(fail_at_each_step(alloc_large, region_is_as_before) > 10);
}

UNIT_MAIN(UNIT(random_steps_agree_with_a_model), UNIT(reset_keeps_one_step), UNIT(empty_and_impossible_requests),
	  UNIT(wrong_alignments_are_refused), UNIT(a_step_too_large_is_done_without),
	  UNIT(marks_that_are_void_are_reported), UNIT(blocks_are_no_blocks_of_the_heap),
	  UNIT(no_memory_at_any_step_loses_nothing))
