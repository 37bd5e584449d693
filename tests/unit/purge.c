/*
 * purge.c - page/purge.h: frames go back and the pages read as zeros; the limit and its hysteresis.
 */
#define _GNU_SOURCE
#include "os/thread.h"
#include "page/page_alloc.h"
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct zone *const heap = &zones[ZONE_HEAP];

static struct page_run take(size_t npages)
{
	struct page_run run;
	check(page_alloc(npages, &run));
	memset((void *)(run.page << PAGE_SHIFT), 0xa5, npages << PAGE_SHIFT);
	run.dirty = npages <= 32 ? (uint32_t)bit_range(0, (unsigned)npages) : ~UINT32_C(0);
	return run;
}

/* Frees pages with something in use between them, so that they stay below the top and do not merge. */
static uintptr_t freed[100];

static void scatter(size_t count)
{
	struct page_run run[100];
	for (size_t i = 0; i < count; i++) {
		run[i] = take(4);
		take(4);
	}
	for (size_t i = 0; i < count; i++) {
		freed[i] = run[i].page;
		page_free(&run[i]);
	}
}

static void frames_go_back(void **state)
{
	(void)state;
	scatter(100);
	assert_int_equal(zone_dirty_pages(), 400);
	assert_true(page_is_resident((void *)(freed[50] << PAGE_SHIFT)));
	assert_int_equal(purge_free_pages(0), 400);
	assert_int_equal(zone_dirty_pages(), 0);
	zone_check(heap);
	for (size_t i = 0; i < 100; i++) {
		for (size_t page = 0; page < 4; page++)
			assert_false(page_is_resident((void *)((freed[i] + page) << PAGE_SHIFT)));
		assert_int_equal(pagemap_count_dirty(freed[i], 4), 0);
	}
	assert_int_equal(zone_used_pages(), 400);
	assert_int_equal(purge_free_pages(0), 0);
}

static void as_many_as_asked_for_stay_dirty(void **state)
{
	(void)state;
	scatter(100);
	assert_int_equal(purge_free_pages(400), 0);
	assert_int_equal(purge_free_pages(398), 4);
	assert_int_equal(zone_dirty_pages(), 396);
	assert_int_equal(purge_free_pages(100), 296);
	assert_int_equal(zone_dirty_pages(), 100);
	zone_check(heap);
}

static void one_block_is_detached_meanwhile(void **state)
{
	(void)state;
	struct buddy_block block;
	scatter(10);
	lock_acquire(&heap->lock, RANK_ZONE);
	zone_settle(heap);
	assert_true(buddy_find_dirty(&heap->buddy, 0, &block));
	assert_true(purge_block(heap, block));
	assert_int_equal(heap->detached_pages, 0);
	assert_int_equal(pagemap_count_dirty(block.page, (size_t)1 << block.order), 0);
	zone_unlock(heap);
	zone_check(heap);
	assert_int_equal(zone_used_pages(), 40);
}

static void purged_pages_come_back_as_zeros(void **state)
{
	(void)state;
	struct page_run run;
	scatter(50);
	purge_free_pages(60);
	size_t zeros = 0;
	for (int i = 0; i < 50; i++) {
		assert_true(page_alloc(4, &run));
		for (unsigned page = 0; page < 4; page++) {
			bool zero = content_is_zero((void *)((run.page + page) << PAGE_SHIFT), PAGE_BYTES);
			assert_true(zero == ((run.dirty >> page & 1) == 0));
			zeros += zero;
		}
	}
	assert_true(zeros >= 100);
}

/* Monotone; a part of a large heap; and of a small one still some. */
static void the_limit_follows_the_heap(void **state)
{
	(void)state;
	size_t least = purge_limit_pages(0);
	size_t before = least;
	assert_true(least > 0);
	for (size_t live = 1; live <= 1 << 22; live *= 2) {
		size_t limit = purge_limit_pages(live);
		assert_true(limit >= before);
		assert_true(limit == least || limit < live);
		before = limit;
	}
	assert_true(before > least);
}

static void note(size_t purged, size_t bought)
{
	purge_note_purged(purged);
	purge_note_bought(bought);
	purge_review();
}

/* More than any heap of these tests has: what is noted of so many pages is enough to judge. */
enum { PLENTY_PAGES = 1 << 20 };

/* As loose as it gets. */
static unsigned loosen_most(void)
{
	keep_dirty_pages();
	return purge_loosened();
}

/* Pages are purged and not bought back until the limit is halved: how many. */
static size_t pages_until_tighter(void)
{
	unsigned before = purge_loosened();
	size_t count = 0;
	for (; purge_loosened() == before; count += 16) {
		assert_true(count < PLENTY_PAGES);
		note(16, 0);
	}
	assert_int_equal(purge_loosened(), before - 1);
	return count;
}

/* At once so far that what was bought back would have stayed. */
static void much_bought_back_loosens_much(void **state)
{
	(void)state;
	static const size_t npages[] = {500, 3000, 10000, 30000};
	size_t limits[5] = {purge_limit_pages(0)};
	for (size_t i = 0; i < 4; i++) {
		note(npages[i], npages[i]);
		limits[i + 1] = purge_limit_pages(0);
	}
	loosen_most();
	size_t most = purge_limit_pages(0);
	for (size_t i = 0; i < 4; i++) {
		assert_true(limits[i + 1] >= size_min(npages[i], most));
		assert_true(limits[i + 1] > limits[i] || limits[i] == most);
	}
}

/* A heap that was freed once and is not built up again yet says nothing. */
static void a_large_heap_tightens_later(void **state)
{
	(void)state;
	struct page_run run;
	loosen_most();
	size_t small = pages_until_tighter();
	size_t heap_pages = 4 * small;
	assert_true(page_alloc(heap_pages, &run));
	purge_review();
	run.dirty = 0;
	page_free(&run);
	assert_true(pages_until_tighter() > heap_pages);
	/* A decision ends that: the heap is small again. */
	assert_int_equal(pages_until_tighter(), small);
}

static void the_limit_loosens_and_tightens(void **state)
{
	(void)state;
	size_t first = purge_limit_pages(0);
	/* One page is too little to judge, and is kept for the next review. */
	assert_true(pages_until_looser() > 1);
	assert_true(purge_limit_pages(0) > first);
	/* What is bought back in full loosens up to a bound, by less and less of a reason to tighten. */
	unsigned most = loosen_most();
	note(PLENTY_PAGES, PLENTY_PAGES);
	assert_int_equal(purge_loosened(), most);
	/* As loose as that, the whole heap may be idle and no more. */
	size_t loosest = purge_limit_pages(0);
	for (size_t live = 1; live <= 1 << 22; live *= 2) {
		assert_true(purge_limit_pages(live) <= size_max(live, loosest));
		assert_true(purge_limit_pages(live) >= loosest);
	}
	/* It takes more to tighten than to loosen: one round of a program must not undo what was learned. */
	while (purge_loosened() > 0) {
		size_t before = purge_limit_pages(0);
		assert_true(pages_until_tighter() > first);
		assert_true(purge_limit_pages(0) < before);
	}
	assert_int_equal(purge_limit_pages(0), first);
	note(PLENTY_PAGES, 0);
	assert_int_equal(purge_limit_pages(0), first);
}

enum { SHARES = 32 };
enum verdict { TIGHTER, SAME, LOOSER };

/* Of pages purged again and again a share is bought back. The exit status is what comes of it first. */
static void buy_a_share(void *share)
{
	size_t bought = *(const size_t *)share;
	loosen_most();
	pages_until_tighter();
	unsigned before = purge_loosened();
	for (size_t noted = 0; noted < PLENTY_PAGES && purge_loosened() == before; noted += SHARES)
		note(SHARES, bought);
	_exit(purge_loosened() < before ? TIGHTER : purge_loosened() == before ? SAME : LOOSER);
}

/* None tightens, all loosens, and in between there are shares that change nothing: it does not swing. */
static void the_share_that_is_bought_back_decides(void **state)
{
	(void)state;
	char text[100];
	enum verdict before = TIGHTER;
	size_t count[3] = {0, 0, 0};
	for (size_t share = 0; share <= SHARES; share++) {
		int status = unit_capture(buy_a_share, &share, text, sizeof(text));
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= LOOSER);
		enum verdict verdict = (enum verdict)WEXITSTATUS(status);
		assert_true(verdict >= before);
		count[verdict]++;
		before = verdict;
	}
	assert_true(count[TIGHTER] > 0 && count[SAME] > 0 && count[LOOSER] > 0);
}

static void many_threads_keep_less(void **state)
{
	(void)state;
	unsigned few = loosen_most();
	size_t limit = purge_limit_pages(0);
	atomic_store(&thread_counter, 1000);
	unsigned many = purge_loosened();
	assert_true(many < few && many > 0);
	assert_true(purge_limit_pages(0) < limit);
	/* What was learned is there again when most of them have gone, unless something was decided meanwhile. */
	atomic_store(&thread_counter, 1);
	assert_int_equal(purge_loosened(), few);
	atomic_store(&thread_counter, 1000);
	assert_int_equal(loosen_most(), many);
	atomic_store(&thread_counter, 1);
	assert_int_equal(purge_loosened(), many);
}

static void without_adaption_it_stays(void **state)
{
	(void)state;
	size_t limit = purge_limit_pages(0);
	settings.adaptive_trim = 0;
	loosen_most();
	assert_int_equal(purge_loosened(), 0);
	assert_int_equal(purge_limit_pages(0), limit);
}

/* Some of the heap is purged, and some of that handed out again: by hand or in fact. */
struct buying {
	size_t purged, bought;
	bool by_hand;
};

static void buy(void *argument)
{
	const struct buying *buying = argument;
	struct page_run run;
	if (buying->by_hand) {
		note(buying->purged, buying->bought);
	} else {
		scatter(buying->purged / 4);
		check(purge_free_pages(0) == buying->purged);
		for (size_t i = 0; i < buying->bought / 4; i++) {
			check(page_alloc(4, &run));
			check(run.page <= freed[buying->purged / 4 - 1]);
		}
	}
	fprintf(stderr, "%zu", pages_until_looser());
}

/* How many pages more must be bought back after that, until the limit doubles: a measure of what was noted. */
static size_t lack_after(size_t purged, size_t bought, bool by_hand)
{
	struct buying buying = {purged, bought, by_hand};
	char text[1000];
	int status = unit_capture(buy, &buying, text, sizeof(text));
	if (status != 0)
		fprintf(stderr, "%s", text);
	check(status == 0);
	return strtoul(text, NULL, 10);
}

/* What is purged and handed out again is counted as bought, and once. */
static void buying_back_is_noticed(void **state)
{
	(void)state;
	size_t lack = lack_after(400, 40, false);
	assert_int_equal(lack, lack_after(400, 40, true));
	/* Or the measure would say nothing. */
	assert_true(lack > lack_after(400, 44, true));
	assert_true(lack < lack_after(400, 36, true));
}

static void use_new_pages(void *count)
{
	struct page_run run;
	for (size_t i = 0; i < *(const size_t *)count; i++)
		check(page_alloc(8, &run));
	note(400, 0);
	fprintf(stderr, "%zu", pages_until_looser());
}

/* The break stands at 4 MiB, so that pages are handed out from the start of the heap on. */
static void pages_that_were_never_touched_are_not_bought(void **state)
{
	(void)state;
	char without[100], with[100];
	settings.top_pad = round_up((uintptr_t)sbrk(0) + 2000 * PAGE_BYTES, BUDDY_MAX_PAGES * PAGE_BYTES) -
			   round_up((uintptr_t)sbrk(0), PAGE_BYTES) - PAGE_BYTES;
	take(1);
	assert_int_equal(unit_capture(use_new_pages, &(size_t){0}, without, sizeof(without)), 0);
	assert_int_equal(unit_capture(use_new_pages, &(size_t){100}, with, sizeof(with)), 0);
	assert_string_equal(without, with);
}

UNIT_MAIN(UNIT(frames_go_back), UNIT(as_many_as_asked_for_stay_dirty), UNIT(one_block_is_detached_meanwhile),
	  UNIT(purged_pages_come_back_as_zeros), UNIT(the_limit_follows_the_heap), UNIT(the_limit_loosens_and_tightens),
	  UNIT(the_share_that_is_bought_back_decides), UNIT(much_bought_back_loosens_much), UNIT(many_threads_keep_less),
	  UNIT(a_large_heap_tightens_later), UNIT(without_adaption_it_stays), UNIT(buying_back_is_noticed),
	  UNIT(pages_that_were_never_touched_are_not_bought))
