/*
 * pages.c - ext/pages.c: pages of every order and number against a model; their alignment, zeros, and misuse.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "large/run.h"
#include "libmalloc/page.h"
#include "heap/heap.h"
#include "heap/resize.h"
#include "page/purge.h"
#include "page/zone.h"
#include "scarce.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, BLOCKS = 40, ORDERS = LM_PAGE_MAX_ORDER + 1, MOST = LM_PAGE_SIZE << LM_PAGE_MAX_ORDER };

struct held {
	void *pages;
	unsigned order;
	size_t exact; /* 0: by order */
	uint64_t tag;
};

static struct held blocks[THREADS][BLOCKS];

static size_t bytes_of(const struct held *held)
{
	return held->exact != 0 ? round_up(held->exact, PAGE_BYTES) : (size_t)PAGE_BYTES << held->order;
}

static void take(struct random *random, struct held *held)
{
	unsigned flags = random_one_in(random, 2) ? LM_ZERO : 0;
	held->order = (unsigned)random_below(random, random_one_in(random, 4) ? ORDERS : 5);
	held->exact = random_one_in(random, 2) ? 0 : 1 + random_below(random, PAGE_BYTES << held->order);
	held->tag = random_next(random);
	held->pages = held->exact != 0 ? lm_pages_alloc_exact(held->exact, flags) : lm_pages_alloc(held->order, flags);
	check(held->pages != NULL);
	size_t bytes = bytes_of(held);
	check((uintptr_t)held->pages % ((size_t)1 << log2_ceil(bytes)) == 0);
	check(heap_usable(held->pages) == bytes);
	check(!(flags & LM_ZERO) || content_is_zero(held->pages, bytes));
	content_write(held->pages, bytes, held->tag);
}

static void give(struct random *random, struct held *held)
{
	check(content_is(held->pages, bytes_of(held), held->tag));
	if (random_one_in(random, 8))
		heap_free(held->pages, "free");
	else if (held->exact != 0)
		lm_pages_free_exact(held->pages, held->exact);
	else
		lm_pages_free(held->pages, held->order);
	held->pages = NULL;
}

static void churn(unsigned index)
{
	struct random random = random_start(60 + index);
	for (size_t i = 0; i < unit_rounds(1500); i++) {
		struct held *held = &blocks[index][random_below(&random, BLOCKS)];
		if (held->pages == NULL)
			take(&random, held);
		else
			give(&random, held);
		if (random_one_in(&random, 30))
			purge_free_pages(random_below(&random, 300));
	}
}

/* The zones have handed out exactly the pages that are held. */
static void counts_agree_until_all_is_free(unsigned threads)
{
	struct random random = random_start(1);
	size_t bytes = 0;
	for (unsigned t = 0; t < threads; t++)
		for (size_t i = 0; i < BLOCKS; i++)
			bytes += blocks[t][i].pages == NULL ? 0 : bytes_of(&blocks[t][i]);
	check(zone_used_pages() * PAGE_BYTES == bytes && run_bytes() == bytes);
	for (unsigned t = 0; t < threads; t++)
		for (size_t i = 0; i < BLOCKS; i++)
			if (blocks[t][i].pages != NULL)
				give(&random, &blocks[t][i]);
	check(zone_used_pages() == 0 && run_bytes() == 0);
	check_everything();
}

static void random_steps_agree_with_a_model(void **state)
{
	(void)state;
	churn(0);
	counts_agree_until_all_is_free(1);
}

static void threads_keep_their_pages_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	counts_agree_until_all_is_free(THREADS);
}

/* Of each order, after as many bytes of dirt were freed. */
static void zeroed_pages_are_zero_after_dirty_ones(void **state)
{
	(void)state;
	settings.trim_threshold = SIZE_MAX;
	for (unsigned order = 0; order < ORDERS; order++) {
		char *pages[4];
		for (int round = 0; round < 3; round++) {
			for (int i = 0; i < 4; i++) {
				pages[i] = lm_pages_alloc(order, LM_ZERO);
				assert_int_equal((uintptr_t)pages[i] % ((size_t)PAGE_BYTES << order), 0);
				assert_true(content_is_zero(pages[i], (size_t)PAGE_BYTES << order));
				memset(pages[i], 0xa5, (size_t)PAGE_BYTES << order);
			}
			for (int i = 0; i < 4; i++)
				lm_pages_free(pages[i], order);
		}
	}
	assert_true(zone_dirty_pages() > 0);
	assert_int_equal(zone_used_pages(), 0);
}

/* An exact number takes no page more. */
static void exact_numbers_take_no_more(void **state)
{
	(void)state;
	for (size_t npages = 1; npages <= BUDDY_MAX_PAGES; npages += npages < 40 ? 1 : 41) {
		void *pages = lm_pages_alloc_exact(npages * PAGE_BYTES - 1, 0);
		assert_non_null(pages);
		assert_int_equal(zone_used_pages(), npages);
		void *more = lm_pages_alloc_exact(npages * PAGE_BYTES, 0);
		assert_int_equal(zone_used_pages(), 2 * npages);
		lm_pages_free_exact(pages, (npages - 1) * PAGE_BYTES + 1);
		lm_pages_free_exact(more, npages * PAGE_BYTES);
		assert_int_equal(zone_used_pages(), 0);
	}
	lm_pages_free(NULL, 0);
	lm_pages_free_exact(NULL, 0);
}

struct refusal {
	unsigned order; /* ORDERS - 1: by size */
	size_t size;
	unsigned flags;
	int error;
	const char *line;
};

static void alloc_wrongly(void *argument)
{
	const struct refusal *refusal = argument;
	errno = 0;
	check((refusal->size == 0 ? lm_pages_alloc(refusal->order, refusal->flags)
				  : lm_pages_alloc_exact(refusal->size, refusal->flags)) == NULL);
	check(errno == refusal->error);
}

static void exact_zero(void *unused)
{
	(void)unused;
	check(lm_pages_alloc_exact(0, 0) == NULL && errno == EINVAL);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
#define ORDER "libmalloc: bad argument: order must be 0 to 10 (lm_pages_alloc)\n"
#define SIZE "libmalloc: bad argument: size must be 1 to 4194304 (lm_pages_alloc_exact)\n"
	static const struct refusal cases[] = {
		{11, 0, 0, EINVAL, ORDER},
		{64, 0, LM_ZERO, EINVAL, ORDER},
		{~0u, 0, LM_NOFAIL, EINVAL, ORDER},
		{0, MOST + 1, 0, EINVAL, SIZE},
		{0, SIZE_MAX, 0, EINVAL, SIZE},
		{0, 0, LM_COLD, EINVAL, "libmalloc: bad flags: LM_COLD cannot be used with this function (lm_pages_alloc)\n"},
		{0, 0, LM_NOFAIL | LM_NORETRY, EINVAL,
		 "libmalloc: bad flags: LM_NORETRY excludes LM_NOFAIL (lm_pages_alloc)\n"},
		{0, 0, LM_NOFAIL | LM_NOSYSCALL, EINVAL,
		 "libmalloc: bad flags: LM_NOSYSCALL excludes LM_NOFAIL (lm_pages_alloc)\n"},
	};
	char text[300];
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(unit_capture(alloc_wrongly, (void *)&cases[i], text, sizeof(text)), 0);
		assert_string_equal(text, cases[i].line);
	}
	assert_int_equal(unit_capture(exact_zero, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, SIZE);
}

struct freeing {
	void *pages;
	unsigned order;
	size_t exact;
};

static void free_wrongly(void *argument)
{
	const struct freeing *freeing = argument;
	if (freeing->exact != 0)
		lm_pages_free_exact(freeing->pages, freeing->exact);
	else
		lm_pages_free(freeing->pages, freeing->order);
}

static void expect_bad(struct freeing freeing, const char *kind)
{
	char line[200];
	snprintf(line, sizeof(line), "libmalloc: %s: %p (%s)", kind, freeing.pages,
		 freeing.exact != 0 ? "lm_pages_free_exact" : "lm_pages_free");
	unit_expect_abort(free_wrongly, &freeing, line);
}

static void wrong_frees_are_reported(void **state)
{
	(void)state;
	const char *wrong = "page count differs from the allocation";
	for (unsigned order = 0; order < ORDERS; order++) {
		char *pages = lm_pages_alloc(order, 0);
		size_t bytes = (size_t)PAGE_BYTES << order;
		expect_bad((struct freeing){pages, order + 1, 0}, wrong);
		expect_bad((struct freeing){pages, order == 0 ? 64 : order - 1, 0}, wrong);
		expect_bad((struct freeing){pages, 0, bytes + 1}, wrong);
		expect_bad((struct freeing){pages, 0, SIZE_MAX}, wrong);
		expect_bad((struct freeing){pages + 16, order, 0}, "interior pointer");
		expect_bad((struct freeing){pages + 1, order, 0}, "misaligned pointer");
		if (order > 0) {
			expect_bad((struct freeing){pages, 0, bytes - PAGE_BYTES}, wrong);
			expect_bad((struct freeing){pages + bytes / 2, order - 1, 0}, "interior pointer");
		}
		lm_pages_free(pages, order);
		expect_bad((struct freeing){pages, order, 0}, "double free");
	}
	void *small = heap_alloc(4096), *large = heap_alloc(1 << 20);
	expect_bad((struct freeing){small, 0, 0}, "not from lm_pages_alloc");
	expect_bad((struct freeing){large, 8, 0}, "not from lm_pages_alloc");
	expect_bad((struct freeing){&small, 0, 0}, "pointer into the stack");
}

static _Atomic unsigned winners;
static void *_Atomic contested;
static _Atomic size_t arrived, met;

static void meet(size_t round)
{
	if (++arrived != 2 * round)
		unit_meet(&met, round);
	met = round;
}

/* Of two frees at once, one claims the run. */
static void free_contested(unsigned index)
{
	size_t round = 0;
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		if (index == 0)
			contested = lm_pages_alloc(i % 3, 0);
		meet(++round);
		winners += run_free((uintptr_t)contested);
		meet(++round);
		check(index == 1 || winners == i + 1);
		meet(++round);
	}
}

static void threads_that_free_the_same_pages_are_told_apart(void **state)
{
	(void)state;
	unit_threads(2, free_contested);
	assert_int_equal(zone_used_pages(), 0);
}

static size_t used_before;

static bool alloc_and_free(void)
{
	void *pages = lm_pages_alloc(9, LM_NOWARN);
	void *exact = lm_pages_alloc_exact(3000000, LM_NOWARN | LM_NORETRY | LM_ZERO);
	int error = errno;
	lm_pages_free(pages, 9);
	lm_pages_free_exact(exact, 3000000);
	errno = error;
	return pages != NULL && exact != NULL;
}

static bool nothing_is_lost(void)
{
	check_everything();
	return zone_used_pages() == used_before;
}

static void no_memory_at_any_step_loses_nothing(void **state)
{
	(void)state;
	assert_true(fail_at_each_step(alloc_and_free, nothing_is_lost) > 500);
}

static void alloc_without_memory(void *unused)
{
	(void)unused;
	allow_pages(0);
	while (lm_pages_alloc(0, LM_NOWARN) != NULL)
		continue;
	errno = 0;
	check(lm_pages_alloc(3, 0) == NULL && errno == ENOMEM);
	check(lm_pages_alloc_exact(4096, LM_NORETRY) == NULL && errno == ENOMEM);
	errno = 0;
	check(lm_pages_alloc(0, LM_NOSYSCALL) == NULL && errno == EAGAIN);
}

static void failing_says_so_unless_told_not_to(void **state)
{
	(void)state;
	char text[300];
	assert_int_equal(unit_capture(alloc_without_memory, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: out of memory: 32768 bytes (lm_pages_alloc)\n");
}

static _Atomic bool go, got;

static void *get_at_last(void *unused)
{
	while (!go)
		usleep(1000);
	void *pages = lm_pages_alloc(10, LM_NOFAIL | LM_ZERO);
	check(pages != NULL && content_is_zero(pages, MOST));
	got = true;
	lm_pages_free(pages, 10);
	return unused;
}

/* It waits while there is nothing to be had, and goes on when something is freed. */
static void threads_with_nofail_wait_for_memory(void **state)
{
	(void)state;
	pthread_t thread;
	static void *all[400];
	size_t n = 0;
	/* The thread's stack is mapped while there is memory. */
	assert_int_equal(pthread_create(&thread, NULL, get_at_last, NULL), 0);
	allow_pages(4000);
	while (n < 400 && (all[n] = lm_pages_alloc(10, LM_NOWARN)) != NULL)
		n++;
	assert_true(n >= 1 && n < 400);
	go = true;
	usleep(200000);
	assert_false(got);
	lm_pages_free(all[0], 10);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(got);
	allow_pages(SIZE_MAX);
}

/* The heap's own blocks and pages live side by side; a block may be reallocated. */
static void pages_are_blocks_of_the_heap_too(void **state)
{
	(void)state;
	char *pages = lm_pages_alloc(2, 0);
	memset(pages, 7, 4 * PAGE_BYTES);
	char *moved = heap_realloc(pages, 100 * PAGE_BYTES, "realloc");
	assert_non_null(moved);
	assert_true(moved[0] == 7 && memcmp(moved, moved + 1, 4 * PAGE_BYTES - 1) == 0);
	heap_free(moved, "free");
	thread_cache_flush();
	assert_int_equal(run_bytes(), 0);
}

UNIT_MAIN(UNIT(random_steps_agree_with_a_model), UNIT(threads_keep_their_pages_apart),
	  UNIT(zeroed_pages_are_zero_after_dirty_ones), UNIT(exact_numbers_take_no_more), UNIT(wrong_arguments_are_refused),
	  UNIT(wrong_frees_are_reported), UNIT(threads_that_free_the_same_pages_are_told_apart),
	  UNIT(no_memory_at_any_step_loses_nothing), UNIT(failing_says_so_unless_told_not_to),
	  UNIT(threads_with_nofail_wait_for_memory), UNIT(pages_are_blocks_of_the_heap_too))
