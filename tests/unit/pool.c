/*
 * pool.c - ext/pool.c: the fixed-size pool against a model, at the edges, and misused.
 */
#define _GNU_SOURCE
#include "unit.h"

#include <libmalloc/pool.h>
#include "heap/heap.h"
#include "page/zone.h"
#include "scarce.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS_MAX = 3000 };

/* What a pool should hold: the address of each chunk, and what was written into it. */
struct model {
	struct lm_pool *pool;
	size_t size;
	size_t chunks;
	size_t align;
	char *held[CHUNKS_MAX];
	uint64_t tag[CHUNKS_MAX];
	size_t nheld;
};

static struct model model;

static void model_create(size_t size, size_t chunks, size_t align)
{
	model = (struct model){.size = size, .chunks = chunks, .align = align == 0 ? 16 : align};
	model.pool = lm_pool_create(size, chunks, align);
	assert_non_null(model.pool);
}

static void model_alloc(struct random *random)
{
	errno = 0;
	char *chunk = lm_pool_alloc(model.pool);
	if (model.nheld == model.chunks) {
		assert_null(chunk);
		assert_int_equal(errno, ENOMEM);
		return;
	}
	assert_non_null(chunk);
	assert_int_equal((uintptr_t)chunk % model.align, 0);
	model.held[model.nheld] = chunk;
	model.tag[model.nheld] = random_next(random);
	content_write(chunk, model.size, model.tag[model.nheld++]);
}

static void model_free(size_t i)
{
	assert_true(content_is(model.held[i], model.size, model.tag[i]));
	lm_pool_free(model.pool, model.held[i]);
	model.nheld--;
	model.held[i] = model.held[model.nheld];
	model.tag[i] = model.tag[model.nheld];
}

static void model_step(struct random *random, size_t allocs_of_10)
{
	if (random_below(random, 10) < allocs_of_10)
		model_alloc(random);
	else if (model.nheld > 0)
		model_free(random_below(random, model.nheld));
	if (random_one_in(random, 2000)) {
		lm_pool_reset(model.pool);
		model.nheld = 0;
	}
	assert_int_equal(lm_pool_used(model.pool), model.nheld);
}

static void random_steps_agree_with_a_model(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 8, 16, 24, 40, 64, 100, 1000, 4096, 5000};
	struct random random = random_start(11);
	for (size_t round = 0; round < unit_rounds(60); round++) {
		size_t align = random_one_in(&random, 2) ? 0 : (size_t)1 << random_below(&random, 13);
		model_create(sizes[random_below(&random, 10)], 1 + random_below(&random, 700), align);
		for (size_t i = 0; i < 4000; i++)
			model_step(&random, i / 500 % 2 == 0 ? 7 : 3);
		lm_pool_used(model.pool); /* tests the invariant in debug builds */
		while (random_one_in(&random, 2) && model.nheld > 0)
			model_free(model.nheld - 1);
		lm_pool_destroy(model.pool);
	}
	thread_cache_flush();
	check_all_objects_free();
}

/* The chunks cover the pool: `chunks` different ones, `stride` apart, and no more. */
static void all_chunks_are_handed_out_once(void **state)
{
	(void)state;
	for (size_t chunks = 1; chunks < 300; chunks += 7) {
		struct random random = random_start(chunks);
		model_create(48, chunks, 0);
		for (size_t i = 0; i <= chunks; i++)
			model_alloc(&random);
		char *lowest = model.held[0];
		for (size_t i = 1; i < chunks; i++)
			lowest = model.held[i] < lowest ? model.held[i] : lowest;
		for (size_t i = 0; i < chunks; i++)
			assert_true((size_t)(model.held[i] - lowest) / 48 < chunks);
		while (model.nheld > 0)
			model_free(random_below(&random, model.nheld));
		lm_pool_used(model.pool);
		for (size_t i = 0; i <= chunks; i++)
			model_alloc(&random);
		lm_pool_used(model.pool);
		lm_pool_destroy(model.pool);
	}
	lm_pool_destroy(NULL);
}

struct wrong {
	size_t size, chunks, align;
	int error;
	const char *line;
};

static void create_wrongly(void *argument)
{
	const struct wrong *wrong = argument;
	errno = 0;
	check(lm_pool_create(wrong->size, wrong->chunks, wrong->align) == NULL && errno == wrong->error);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
#define ALIGN "libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_pool_create)\n"
	static const struct wrong cases[] = {
		{0, 1, 0, EINVAL, "libmalloc: bad argument: size must be 1 or more (lm_pool_create)\n"},
		{1, 0, 0, EINVAL, "libmalloc: bad argument: chunks must be 1 or more (lm_pool_create)\n"},
		{1, 1, 3, EINVAL, ALIGN},
		{1, 1, 8192, EINVAL, ALIGN},
		{1, 1, SIZE_MAX, EINVAL, ALIGN},
		{SIZE_MAX, 1, 0, ENOMEM, ""},
		{SIZE_MAX / 2, 3, 0, ENOMEM, ""},
		{1, SIZE_MAX, 0, ENOMEM, ""},
		{(size_t)1 << 32, (size_t)1 << 31, 1, ENOMEM, ""},
		{(size_t)1 << 32, UINT32_MAX, 4096, ENOMEM, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[300];
		assert_int_equal(unit_capture(create_wrongly, (void *)&cases[i], text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].line);
	}
}

static void free_in_pool(void *chunk) { lm_pool_free(model.pool, chunk); }

static void expect_bad(char *chunk, const char *kind)
{
	char line[200];
	snprintf(line, sizeof(line), "libmalloc: %s: 0x%zx (lm_pool_free)", kind, (size_t)chunk);
	unit_expect_abort(free_in_pool, chunk, line);
}

/* Each address around and in a pool is the start of a live chunk, or is reported. */
static void every_wrong_pointer_is_reported(void **state)
{
	(void)state;
	static const size_t sizes[] = {16, 24, 48, 56, 7};
	struct random random = random_start(5);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		model_create(sizes[s], 5, 1);
		for (size_t i = 0; i < 5; i++)
			model_alloc(&random);
		char *first = model.held[0];
		lm_pool_free(model.pool, model.held[3]);
		for (char *p = first - 3; p < first + 5 * sizes[s] + 3; p += 1 + s % 3) {
			size_t offset = (size_t)(p - first);
			if (p < first || offset >= 5 * sizes[s])
				expect_bad(p, "not a chunk of this pool");
			else if (offset % sizes[s] != 0)
				expect_bad(p, "interior pointer");
			else if (offset / sizes[s] == 3)
				expect_bad(p, "double free");
		}
		expect_bad((char *)&random, "not a chunk of this pool");
		expect_bad((char *)UINTPTR_MAX, "not a chunk of this pool");
		lm_pool_free(model.pool, NULL);
		lm_pool_reset(model.pool);
		expect_bad(first, "double free");
		lm_pool_destroy(model.pool);
	}
}

static void free_in_heap(void *chunk) { heap_free(chunk, "free"); }

/* free(3) never takes a pool's block away. */
static void chunks_are_no_blocks_of_the_heap(void **state)
{
	(void)state;
	static const size_t chunks[] = {1, 10, 1000, 40000};
	for (size_t i = 0; i < 4; i++) {
		char line[100];
		model_create(64, 1, 0);
		model.pool = lm_pool_create(64, chunks[i], i % 2 == 0 ? 0 : 64);
		char *chunk = lm_pool_alloc(model.pool);
		snprintf(line, sizeof(line), "libmalloc: interior pointer: %p (free)", (void *)chunk);
		unit_expect_abort(free_in_heap, chunk, line);
	}
}

static size_t used_before, mapped_before;

static bool nothing_is_lost(void)
{
	thread_cache_flush();
	return zone_used_pages() <= used_before && meta_mapped_bytes() <= mapped_before + (1 << 20);
}

static bool create_large(void)
{
	struct lm_pool *pool = lm_pool_create(64, 50000, 64);
	if (pool != NULL)
		lm_pool_destroy(pool);
	return pool != NULL;
}

static void no_memory_at_any_step_loses_nothing(void **state)
{
	(void)state;
	check(create_large());
	use_up_meta();
	nothing_is_lost();
	used_before = zone_used_pages();
	mapped_before = meta_mapped_bytes();
	assert_true(fail_at_each_step(create_large, nothing_is_lost) > 800);
	size_t mapped = address_space_pages();
	for (int i = 0; i < 1000; i++)
		check(create_large());
	assert_true(address_space_pages() <= mapped + 1000);
}

/* What is not used of a large pool has no frames. */
static void a_large_pool_costs_what_is_used(void **state)
{
	(void)state;
	struct lm_pool *pool = lm_pool_create(4096, 20000, 4096);
	assert_non_null(pool);
	char *first = lm_pool_alloc(pool);
	char *second = lm_pool_alloc(pool);
	*first = *second = 1;
	assert_int_equal(second - first, 4096);
	assert_true(page_is_resident(first));
	assert_false(page_is_resident(second + (4 << 20)));
	lm_pool_destroy(pool);
}

UNIT_MAIN(UNIT(random_steps_agree_with_a_model), UNIT(all_chunks_are_handed_out_once), UNIT(wrong_arguments_are_refused),
	  UNIT(every_wrong_pointer_is_reported), UNIT(chunks_are_no_blocks_of_the_heap),
	  UNIT(no_memory_at_any_step_loses_nothing), UNIT(a_large_pool_costs_what_is_used))
