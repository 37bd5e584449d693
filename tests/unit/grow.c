/*
 * grow.c - where new pages come from: the break, a new span after another caller's sbrk, extents where brk is refused.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/brk.h"
#include "os/map.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/trim.h"
#include "page/page_alloc.h"
#include "page/zone.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static struct zone *const heap = &zones[ZONE_HEAP];
static struct zone *const mapped = &zones[ZONE_MAPPED];

static uintptr_t break_page(void) { return (uintptr_t)sbrk(0) >> PAGE_SHIFT; }

static void set_pad(size_t bytes)
{
	settings.top_pad = bytes;
	settings.adaptive_trim = 0;
}

static struct page_run take(size_t npages)
{
	struct page_run run;
	check(page_alloc(npages, &run));
	content_write((void *)(run.page << PAGE_SHIFT), npages << PAGE_SHIFT, npages);
	return run;
}

static bool is_intact(const struct page_run *run)
{
	return content_is((void *)(run->page << PAGE_SHIFT), run->npages << PAGE_SHIFT, run->npages);
}

static void give_back(struct page_run *run)
{
	check(is_intact(run));
	run->dirty = run->npages <= 32 ? (uint32_t)bit_range(0, (unsigned)run->npages) : ~UINT32_C(0);
	page_free(run);
}

static void limit(int resource, rlim_t now)
{
	struct rlimit both;
	check(getrlimit(resource, &both) == 0);
	both.rlim_cur = now;
	check(setrlimit(resource, &both) == 0);
}

/* With a soft limit of 0 the kernel refuses brk, but not mmap. */
static void refuse_brk(void) { limit(RLIMIT_DATA, 0); }
static void refuse_all(void) { limit(RLIMIT_AS, 1); }
static void allow_all(void)
{
	limit(RLIMIT_DATA, RLIM_INFINITY);
	limit(RLIMIT_AS, RLIM_INFINITY);
}

static void the_heap_ends_at_the_break(void **state)
{
	(void)state;
	uintptr_t before = (uintptr_t)sbrk(0);
	struct page_run run = take(3);
	assert_int_equal(run.zone, ZONE_HEAP);
	assert_true(run.page << PAGE_SHIFT >= before);
	assert_int_equal(heap->span_end, break_page());
	/* The page before the heap can be read. */
	assert_int_equal(heap->span_first, (round_up(before, PAGE_BYTES) >> PAGE_SHIFT) + 1);
	assert_true(os_is_readable((void *)((heap->span_first << PAGE_SHIFT) - 1)));
	assert_int_equal(heap->total_pages, heap->span_end - heap->span_first);
	zone_check(heap);
}

static void the_break_moves_by_the_pad(void **state)
{
	(void)state;
	set_pad(40 * PAGE_BYTES);
	struct page_run run = take(1);
	assert_int_equal(heap->span_end - run.page, 41);
	assert_int_equal(break_page(), heap->span_end);
	/* All of it is used up before the break moves again. */
	for (int i = 0; i < 40; i++)
		take(1);
	assert_int_equal(heap->buddy.free_pages, 0);
	assert_int_equal(break_page(), heap->span_end);
	take(1);
	assert_int_equal(heap->buddy.free_pages, 40);
}

/* How many pages the break goes up by, next time. */
static size_t next_step(void)
{
	uintptr_t end = heap->span_end;
	while (heap->span_end == end)
		assert_int_equal(take(16).zone, ZONE_HEAP);
	return heap->span_end - end;
}

static void a_large_heap_grows_in_larger_steps(void **state)
{
	(void)state;
	take(16);
	size_t before = next_step();
	for (size_t npages = 4096; npages <= 65536; npages *= 4) {
		while (heap->span_end - heap->span_first < npages)
			assert_true(page_alloc(256, &(struct page_run){0}));
		next_step();
		size_t step = next_step();
		assert_true(step >= before);
		/* A part of what there is; and where it is large it ends where a huge page may. */
		assert_true(step <= npages / 4 + HUGE_PAGES);
		assert_true(step < 2 * HUGE_PAGES || heap->span_end % HUGE_PAGES == 0);
		before = step;
	}
	assert_true(before > 2 * HUGE_PAGES);
}

/* With nothing to spare at the top, a request of no round number of pages still comes from the break. */
static void inexact_requests_need_no_pad(void **state)
{
	(void)state;
	set_pad(0);
	for (size_t npages = 1; npages <= 40; npages++) {
		struct page_run run = take(npages);
		assert_int_equal(run.zone, ZONE_HEAP);
	}
	assert_false(zone_has_pages(ZONE_MAPPED));
}

static void anothers_memory_is_left_alone(void **state)
{
	(void)state;
	struct page_run run[40];
	void *theirs[20];
	size_t their_bytes[20];
	for (size_t i = 0; i < 40; i++) {
		run[i] = take(1 + i * 3);
		if (i % 2 == 0) {
			their_bytes[i / 2] = 1 + i * 777;
			theirs[i / 2] = sbrk((intptr_t)their_bytes[i / 2]);
			content_write(theirs[i / 2], their_bytes[i / 2], 99);
		}
		zone_check(heap);
	}
	for (size_t i = 0; i < 40; i++)
		assert_true(is_intact(&run[i]) && run[i].zone == ZONE_HEAP);
	uintptr_t last = (uintptr_t)theirs[19] + their_bytes[19];
	for (size_t i = 0; i < 40; i++) {
		give_back(&run[(i * 7) % 40]);
		zone_check(heap);
	}
	purge_free_pages(0);
	trim_to_pad(heap, 0);
	for (size_t i = 0; i < 20; i++)
		assert_true(content_is(theirs[i], their_bytes[i], 99));
	assert_true((uintptr_t)sbrk(0) >= last);
	assert_int_equal(zone_used_pages(), 0);
}

/* The pages before another's memory are used up, and then the heap goes on behind it. */
static void spans_that_were_cut_off_stay_in_use(void **state)
{
	(void)state;
	set_pad(100 * PAGE_BYTES);
	take(1);
	uintptr_t old_end = heap->span_end;
	void *theirs = sbrk(3 * PAGE_BYTES);
	assert_int_equal((uintptr_t)theirs >> PAGE_SHIFT, old_end);
	for (int i = 0; i < 100; i++)
		assert_true(take(1).page < old_end);
	struct page_run run = take(1);
	assert_int_equal(run.page, old_end + 4);
	assert_int_equal(heap->span_first, old_end + 4);
	assert_int_equal(heap->total_pages, 101 + 101);
	zone_check(heap);
}

/* While the top of the break is another caller's, the break is not lowered. */
static void the_break_is_not_lowered_below_another(void **state)
{
	(void)state;
	struct page_run run = take(500);
	char *theirs = sbrk(100);
	memset(theirs, 5, 100);
	uintptr_t now = (uintptr_t)sbrk(0);
	give_back(&run);
	assert_false(trim_to_pad(heap, 0));
	assert_int_equal((uintptr_t)sbrk(0), now);
	assert_int_equal(theirs[99], 5);
	zone_check(heap);
}

static void where_brk_is_refused_extents_are_mapped(void **state)
{
	(void)state;
	struct page_run run[60];
	struct page_run first = take(5);
	refuse_brk();
	for (size_t i = 0; i < 60; i++) {
		run[i] = take(1 + (i * i) % 90);
		zone_check(heap);
		zone_check(mapped);
	}
	assert_int_equal(run[59].zone, ZONE_MAPPED);
	assert_true(zone_has_pages(ZONE_MAPPED));
	assert_int_equal(mapped->total_pages % BUDDY_MAX_PAGES, 0);
	for (size_t i = 0; i < 60; i++)
		give_back(&run[i]);
	give_back(&first);
	assert_int_equal(zone_used_pages(), 0);
	zone_check(mapped);
	/* Afterwards the mapped pages are used up before the break moves again. */
	allow_all();
	uintptr_t now = break_page();
	for (int i = 0; i < 100; i++)
		take(8);
	assert_int_equal(break_page(), now);
}

static void huge_requests_get_extents_too(void **state)
{
	(void)state;
	refuse_brk();
	struct page_run run = take(BUDDY_MAX_PAGES + 300);
	assert_int_equal(run.zone, ZONE_MAPPED);
	struct page_run other = take(BUDDY_MAX_PAGES);
	assert_int_equal(other.zone, ZONE_MAPPED);
	give_back(&run);
	give_back(&other);
	assert_int_equal(zone_used_pages(), 0);
	zone_check(mapped);
}

/* The same extents serve a loop over a huge run. */
static void huge_extents_are_used_again(void **state)
{
	(void)state;
	refuse_brk();
	for (int i = 0; i < 50; i++) {
		struct page_run run = take(BUDDY_MAX_PAGES + 300);
		give_back(&run);
	}
	assert_true(mapped->total_pages <= 8 * BUDDY_MAX_PAGES);
}

static void a_mapping_in_the_way_is_survived(void **state)
{
	(void)state;
	take(1);
	uintptr_t end = round_up((uintptr_t)sbrk(0), PAGE_BYTES);
	void *wall = mmap((void *)(end + 64 * PAGE_BYTES), PAGE_BYTES, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_ptr_equal(wall, (void *)(end + 64 * PAGE_BYTES));
	size_t in_heap = 0;
	for (int i = 0; i < 300; i++)
		in_heap += take(1).zone == ZONE_HEAP;
	/* Nearly all room before the wall is used: where the pad is refused, the break goes up by what is needed. */
	assert_true(in_heap >= 64);
	assert_true(zone_has_pages(ZONE_MAPPED));
	zone_check(heap);
}

static void running_out_loses_nothing(void **state)
{
	(void)state;
	struct page_run run[10];
	struct page_run refused;
	for (size_t i = 0; i < 10; i++)
		run[i] = take(20);
	refuse_all();
	bool taken = true;
	for (size_t i = 0; i < 5000 && taken; i++)
		taken = page_alloc(7, &refused);
	bool again = page_alloc(7, &refused);
	bool huge = page_alloc(5000, &refused);
	allow_all();
	assert_false(taken || again || huge);
	for (size_t i = 0; i < 10; i++)
		assert_true(is_intact(&run[i]));
	zone_check(heap);
	size_t used = zone_used_pages();
	give_back(&run[3]);
	assert_int_equal(zone_used_pages(), used - 20);
	assert_true(page_alloc(5000, &refused));
	zone_check(heap);
}

/*
 * A malloc in front looks for a header before the first block of an extent: so a page is there, and it is ours. It stays
 * when all that others had mapped around it is gone.
 */
static void behind_another_malloc_a_page_lies_before_each_extent(void **state)
{
	(void)state;
	size_t extent_bytes = (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT;
	size_t hole_bytes = 2 * extent_bytes - os_page_size();
	settings.is_behind = 1;
	os_brk_leave();
	/* A hole in which an extent just fits, with its alignment, and no page before it. */
	size_t around_bytes = 16 * extent_bytes;
	char *around = os_map(around_bytes);
	char *hole = (char *)round_up((uintptr_t)around, extent_bytes) + extent_bytes;
	check(os_unmap(hole, hole_bytes));
	struct page_run run = take(BUDDY_MAX_PAGES);
	check(os_unmap(around, (size_t)(hole - around)));
	check(os_unmap(hole + hole_bytes, around_bytes - hole_bytes - (size_t)(hole - around)));
	uintptr_t first = run.page << PAGE_SHIFT;
	assert_int_equal(run.zone, ZONE_MAPPED);
	assert_int_equal(first % extent_bytes, 0);
	assert_true(os_is_mapped((void *)(first - os_page_size())));
	give_back(&run);
	zone_check(mapped);
}

UNIT_MAIN(UNIT(behind_another_malloc_a_page_lies_before_each_extent), UNIT(the_heap_ends_at_the_break), UNIT(the_break_moves_by_the_pad), UNIT(a_large_heap_grows_in_larger_steps),
	  UNIT(inexact_requests_need_no_pad), UNIT(anothers_memory_is_left_alone),
	  UNIT(spans_that_were_cut_off_stay_in_use), UNIT(the_break_is_not_lowered_below_another),
	  UNIT(where_brk_is_refused_extents_are_mapped), UNIT(huge_requests_get_extents_too),
	  UNIT(huge_extents_are_used_again), UNIT(a_mapping_in_the_way_is_survived), UNIT(running_out_loses_nothing))
