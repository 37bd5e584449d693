/*
 * huge.c - page/huge.h: which slabs begin a huge page, and that no advice and nothing else is left behind.
 */
#define _GNU_SOURCE
#include "page/page_alloc.h"
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "os/map.h"
#include "page/huge.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "page/zone.h"
#include "slab/slab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

enum { MIB = 1 << 20, HUGE_BYTES = 2 * MIB, HUGE_KIB = HUGE_BYTES / 1024 };

static struct zone *const heap = &zones[ZONE_HEAP];

/* Whether the kernel makes huge pages where it is advised to; valgrind does not hand the break to it. */
static bool kernel_has_them(void)
{
	char text[100] = "";
	int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	if (file < 0 || RUNNING_ON_VALGRIND)
		return false;
	check(read(file, text, sizeof(text) - 1) > 0);
	close(file);
	return strstr(text, "[never]") == NULL;
}

/* Where the kernel uses huge pages without advice, the tests cannot tell what the library did. */
static bool kernel_waits_for_advice(void)
{
	char text[100] = "";
	int file = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY);
	if (file < 0)
		return false;
	check(read(file, text, sizeof(text) - 1) > 0);
	close(file);
	return kernel_has_them() && strstr(text, "[madvise]") != NULL;
}

static void *address_of(uintptr_t page) { return (void *)(page << PAGE_SHIFT); }

/* Frames are there for all of the 2 MiB, not for its first page alone. */
static bool is_huge(uintptr_t page)
{
	for (size_t i = 0; i < HUGE_PAGES; i++)
		if (!page_is_resident(address_of(page + i)))
			return false;
	return true;
}

/* Pages in use that nobody has touched. */
static struct page_run use(size_t bytes)
{
	struct page_run run;
	check(page_alloc(bytes / PAGE_BYTES, &run));
	run.dirty = 0;
	return run;
}

/* A heap of at least so many bytes in use, of which the next slab of 16 pages begins at a multiple of 2 MiB. */
static void heap_of(size_t bytes)
{
	settings.top_pad = 8 * MIB;
	while (zone_used_pages() * PAGE_BYTES < bytes)
		use(size_min(MIB, bytes - zone_used_pages() * PAGE_BYTES));
	for (struct page_run run = use(16 * PAGE_BYTES); (run.page + 16) % HUGE_PAGES != 0;)
		run = use(16 * PAGE_BYTES);
}

static struct slab *slab_at_2_mib(size_t bytes)
{
	struct slab *slab = slab_create_from(size_class_of(bytes), ZONE_HEAP, PAGES_GROW);
	check(slab != NULL && size_classes[slab->class].pages == 16);
	check(slab->first_page % HUGE_PAGES == 0);
	return slab;
}

static void check_clean(const struct slab *slab)
{
	check(slab->dirty == 0);
	check(content_is_zero(address_of(slab->first_page), 16 * PAGE_BYTES));
}

static void a_slab_that_begins_2_mib_makes_them_huge(void **state)
{
	(void)state;
	if (!kernel_has_them())
		skip();
	heap_of(settings.huge_page_threshold);
	struct slab *slab = slab_at_2_mib(512);
	const char *base = address_of(slab->first_page);
	assert_true(is_huge(slab->first_page));
	assert_true(area_kib(base, "AnonHugePages") >= HUGE_KIB);
	check_clean(slab);
	/* No advice stays: khugepaged would fill up what is given back. */
	assert_false(area_has_flag(base, "hg"));
	/* The others of the 2 MiB need no faults, nor advice. */
	forbid_system_call(SYS_madvise);
	for (size_t i = 16; i < HUGE_PAGES; i += 16) {
		struct slab *next = slab_create_from(size_class_of(512), ZONE_HEAP, PAGES_GROW);
		assert_int_equal(next->first_page, slab->first_page + i);
		check_clean(next);
	}
	zone_check(heap);
}

/* The heap has just less in use than the threshold, and then just as much. */
static void a_small_heap_has_none(void **state)
{
	(void)state;
	if (!kernel_waits_for_advice())
		skip();
	settings.huge_page_threshold = SIZE_MAX;
	heap_of(8 * MIB);
	size_t used = zone_used_pages();
	settings.huge_page_threshold = (used + 17) * PAGE_BYTES;
	struct slab *slab = slab_at_2_mib(512);
	content_write(address_of(slab->first_page), 16, 1);
	assert_false(is_huge(slab->first_page));
	assert_int_equal(area_kib(address_of(slab->first_page), "AnonHugePages"), 0);
	heap_of(zone_used_pages() * PAGE_BYTES);
	settings.huge_page_threshold = (zone_used_pages() + 16) * PAGE_BYTES;
	assert_true(is_huge(slab_at_2_mib(512)->first_page));
}

static void minus_one_means_never(void **state)
{
	(void)state;
	settings.huge_page_threshold = SIZE_MAX;
	heap_of(64 * MIB);
	struct slab *slab = slab_at_2_mib(512);
	content_write(address_of(slab->first_page), 16, 1);
	if (kernel_waits_for_advice())
		assert_int_equal(area_kib(address_of(slab->first_page), "AnonHugePages"), 0);
	assert_false(area_has_flag(address_of(slab->first_page), "hg"));
	assert_false(area_has_flag(address_of(slab->first_page), "nh"));
}

static void zero_means_from_the_start(void **state)
{
	(void)state;
	if (!kernel_has_them())
		skip();
	settings.huge_page_threshold = 0;
	heap_of(PAGE_BYTES);
	assert_true(is_huge(slab_at_2_mib(512)->first_page));
}

/* The longest objects of which a slab has 16 pages. */
static size_t longest_bytes(void)
{
	unsigned c = CLASS_COUNT - 1;
	while (size_classes[c].pages != 16 || size_classes[c].objects == 1)
		c--;
	return size_classes[c].bytes;
}

/* Slabs of long objects begin no huge page: some of their pages may stay untouched. */
static void large_objects_begin_none(void **state)
{
	(void)state;
	if (!kernel_waits_for_advice())
		skip();
	heap_of(settings.huge_page_threshold);
	struct slab *slab = slab_at_2_mib(longest_bytes());
	content_write(address_of(slab->first_page), 16, 1);
	assert_false(is_huge(slab->first_page));
	/* The 2 MiB are in use from now on: a later slab does not make the rest of them huge. */
	struct slab *next = slab_create_from(size_class_of(512), ZONE_HEAP, PAGES_GROW);
	content_write(address_of(next->first_page), 16, 1);
	assert_int_equal(next->first_page, slab->first_page + 16);
	assert_int_equal(area_kib(address_of(slab->first_page), "AnonHugePages"), 0);
	/* Nor do runs of pages. */
	heap_of(zone_used_pages() * PAGE_BYTES);
	struct page_run run = use(16 * PAGE_BYTES);
	assert_int_equal(run.page % HUGE_PAGES, 0);
	assert_true(run.begins_huge);
	*(volatile char *)address_of(run.page) = 1;
	assert_false(is_huge(run.page));
}

/* Only a run that is first in 2 MiB which are free else, and clean. */
static void only_the_first_of_2_clean_mib_begins_them(void **state)
{
	(void)state;
	heap_of(settings.huge_page_threshold);
	struct page_run first = use(16 * PAGE_BYTES);
	assert_true(first.begins_huge && first.page % HUGE_PAGES == 0);
	struct page_run second = use(16 * PAGE_BYTES);
	assert_false(second.begins_huge);
	/* One that is in use behind it. */
	page_free(&first);
	struct page_run again = use(16 * PAGE_BYTES);
	assert_int_equal(again.page, first.page);
	assert_false(again.begins_huge);
	/* All of the 2 MiB is free, but one page is dirty. */
	page_free(&second);
	page_free(&again);
	for (size_t dirty = 0; dirty < HUGE_PAGES; dirty += 73) {
		struct page_run all = use(HUGE_BYTES);
		assert_int_equal(all.page, first.page);
		page_free(&all);
		pagemap_set_dirty(all.page + dirty, 1, false);
		again = use(16 * PAGE_BYTES);
		assert_true(again.page == first.page && again.begins_huge);
		again.dirty = 1;
		page_free(&again);
		struct page_run dirtied = use(16 * PAGE_BYTES);
		assert_true(dirtied.page == first.page && !dirtied.begins_huge);
		page_free(&dirtied);
	}
	zone_check(heap);
}

/* khugepaged would make them whole again, where the advice stayed; here nothing comes back. */
static void purged_pages_stay_away(void **state)
{
	(void)state;
	if (!kernel_has_them())
		skip();
	heap_of(settings.huge_page_threshold);
	struct slab *slab = slab_at_2_mib(512);
	const char *base = address_of(slab->first_page);
	assert_true(is_huge(slab->first_page));
	assert_true(os_purge((char *)base + 4 * PAGE_BYTES, 8 * PAGE_BYTES));
	for (size_t i = 0; i < HUGE_PAGES; i++)
		assert_int_equal(page_is_resident(base + i * PAGE_BYTES), i < 4 || i >= 12);
	for (int tries = 0; tries < 20; tries++) {
		usleep(10000);
		assert_false(page_is_resident(base + 4 * PAGE_BYTES));
	}
	assert_false(area_has_flag(base, "hg"));
	check_clean(slab);
}

/* A kernel without huge pages answers EINVAL to the advice. It is asked once. */
static void a_kernel_without_them_is_asked_once(void **state)
{
	(void)state;
	refuse_system_call(SYS_madvise, EINVAL);
	heap_of(settings.huge_page_threshold);
	struct slab *slab = slab_at_2_mib(512);
	if (kernel_waits_for_advice())
		assert_false(page_is_resident(address_of(slab->first_page)));
	check_clean(slab);
	/* From here on a try would end the test. */
	forbid_system_call(SYS_madvise);
	heap_of(zone_used_pages() * PAGE_BYTES);
	slab = slab_at_2_mib(512);
	check_clean(slab);
}

UNIT_MAIN(UNIT(a_slab_that_begins_2_mib_makes_them_huge), UNIT(a_small_heap_has_none), UNIT(minus_one_means_never),
	  UNIT(zero_means_from_the_start), UNIT(large_objects_begin_none), UNIT(only_the_first_of_2_clean_mib_begins_them),
	  UNIT(purged_pages_stay_away), UNIT(a_kernel_without_them_is_asked_once))
