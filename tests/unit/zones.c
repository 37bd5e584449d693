/*
 * zones.c - proc/zoneinfo.c: the kernel's formats, and numbers that add up with the zones.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "large/run.h"
#include "libmalloc/page.h"
#include "libmalloc/report.h"
#include "heap/heap.h"
#include "page/purge.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { TEXT_BYTES = 8192 };

static char text[TEXT_BYTES];

/* A heap with holes of all sizes, and slabs. */
static void fill_heap(uint64_t seed)
{
	static void *blocks[300];
	struct random random = random_start(seed);
	for (size_t i = 0; i < 1500; i++) {
		void **block = &blocks[random_below(&random, 300)];
		heap_free(*block, "free");
		*block = random_one_in(&random, 2) ? heap_alloc(random_below(&random, 4000))
						   : lm_pages_alloc((unsigned)random_below(&random, 8), 0);
	}
}

/* The line of a zone, taken apart as programs do that read the kernel's. */
static size_t read_blocks(const char *line, const char *zone, size_t blocks[BUDDY_ORDERS])
{
	char name[20];
	int node, at;
	size_t free_pages = 0;
	assert_int_equal(sscanf(line, "Node %d, zone %8s%n", &node, name, &at), 2);
	assert_int_equal(node, 0);
	assert_string_equal(name, zone);
	assert_int_equal(at, strlen("Node 0, zone ") + 8);
	for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
		int more;
		assert_int_equal(sscanf(line + at, "%zu%n", &blocks[order], &more), 1);
		assert_true(more >= 7);
		at += more;
		free_pages += blocks[order] << order;
	}
	assert_string_equal(line + at, " ");
	return free_pages;
}

static void buddyinfo_is_the_buddy(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		size_t blocks[BUDDY_ORDERS];
		fill_heap(seed);
		size_t length = lm_buddyinfo(text, TEXT_BYTES);
		assert_int_equal(length, strlen(text));
		assert_int_equal(text[length - 1], '\n');
		text[length - 1] = '\0';
		assert_null(strchr(text, '\n'));
		const struct buddy *buddy = &zones[ZONE_HEAP].buddy;
		assert_int_equal(read_blocks(text, "Normal", blocks), buddy->free_pages);
		for (unsigned order = 0; order < BUDDY_ORDERS; order++)
			assert_int_equal(blocks[order], buddy->list[BUDDY_CLEAN][order].blocks +
								buddy->list[BUDDY_DIRTY][order].blocks);
	}
}

static void each_zone_with_pages_has_a_line(void **state)
{
	(void)state;
	size_t blocks[BUDDY_ORDERS];
	heap_free(heap_alloc(10), "free");
	refuse_system_call(SYS_brk, 12);
	for (int i = 0; i < 300; i++)
		assert_non_null(lm_pages_alloc(5, 0));
	assert_true(zones[ZONE_MAPPED].total_pages > 0);
	lm_buddyinfo(text, TEXT_BYTES);
	char *first = strtok(text, "\n"), *second = strtok(NULL, "\n");
	assert_int_equal(read_blocks(first, "Normal", blocks), zones[ZONE_HEAP].buddy.free_pages);
	assert_int_equal(read_blocks(second, "Movable", blocks), zones[ZONE_MAPPED].buddy.free_pages);
	assert_null(strtok(NULL, "\n"));
}

/* The number that follows a name in the section of a zone, from its first line on. */
static size_t number_of(const char *section, const char *name)
{
	const char *end = strstr(section + 1, "\nNode");
	const char *at = strstr(section, name);
	assert_true(at != NULL && (end == NULL || at < end));
	assert_int_equal(at[-1], ' ');
	return strtoul(at + strlen(name), NULL, 10);
}

static size_t slab_pages(void)
{
	size_t pages = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		pages += (size_t)caches[c].slabs * size_classes[c].pages;
	return pages;
}

static void zoneinfo_adds_up(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		fill_heap(seed);
		void *mapped = heap_alloc(1 << 20);
		size_t length = lm_zoneinfo(text, TEXT_BYTES);
		assert_int_equal(length, strlen(text));
		assert_int_equal(text[length - 1], '\n');
		const char *normal = strstr(text, "Node 0, zone   Normal\n");
		const char *movable = strstr(text, "Node 0, zone  Movable\n");
		/* The kernel's order; the first one tells of all together. */
		const char *all = text;
		assert_ptr_equal(strstr(text, "Node 0, zone    DMA32\n"), all);
		assert_true(normal > all && movable > normal);
		const struct zone *heap = &zones[ZONE_HEAP];
		assert_int_equal(number_of(normal, "pages free"), heap->buddy.free_pages);
		assert_int_equal(number_of(normal, "nr_free_pages"), heap->buddy.free_pages);
		assert_int_equal(number_of(normal, "nr_zone_dirty"), heap->buddy.dirty_pages);
		assert_int_equal(number_of(normal, "managed"), heap->total_pages);
		assert_int_equal(number_of(normal, "present"), heap->total_pages);
		assert_int_equal(number_of(normal, "nr_zone_used"), zone_used_pages());
		assert_int_equal(number_of(normal, "start_pfn:"), heap->span_first);
		assert_int_equal(number_of(all, "nr_anon_pages"), run_bytes() / PAGE_BYTES);
		size_t slabs = number_of(all, "nr_slab_reclaimable") + number_of(all, "nr_slab_unreclaimable");
		assert_int_equal(slabs, slab_pages());
		assert_int_equal(number_of(normal, "managed"),
				 number_of(normal, "pages free") + slabs + number_of(all, "nr_anon_pages"));
		assert_true(number_of(all, "nr_mapped") >= 256);
		assert_true(number_of(normal, "low") <= number_of(normal, "high"));
		assert_int_equal(number_of(movable, "managed"), 0);
		assert_null(strstr(movable, "start_pfn"));
		heap_free(mapped, "free");
	}
}

/* Each line is one that the kernel's file has, but for the counts with names of our own. */
static void zoneinfo_has_the_kernels_lines(void **state)
{
	(void)state;
	static const char *kernels =
		"\n  per-node stats\n|\n      nr_slab_reclaimable |\n      nr_slab_unreclaimable |\n      nr_anon_pages |"
		"\n      nr_mapped    |\n  pages free     |\n        boost    |\n        min      |\n        low      |"
		"\n        high     |\n        promo    |\n        spanned  |\n        present  |\n        managed  |"
		"\n        cma      |\n        protection: (0|\n      nr_free_pages |\n  node_unreclaimable:  |"
		"\n  start_pfn:           |";
	char wanted[100];
	fill_heap(3);
	lm_zoneinfo(text, TEXT_BYTES);
	const char *at = text;
	for (const char *piece = kernels; *piece != '\0'; piece += strlen(wanted) + 1) {
		snprintf(wanted, sizeof(wanted), "%.*s", (int)(strchr(piece, '|') - piece), piece);
		at = strstr(at, wanted);
		assert_non_null(at);
		at += strlen(wanted) - 1;
	}
}

/* As snprintf: what there is room for, a NUL, and the whole length. */
static void every_size_of_buffer_is_kept_to(void **state)
{
	(void)state;
	static char whole[TEXT_BYTES], cut[TEXT_BYTES];
	size_t (*const writers[])(char *, size_t) = {lm_buddyinfo, lm_zoneinfo};
	fill_heap(4);
	for (int w = 0; w < 2; w++) {
		size_t length = writers[w](whole, TEXT_BYTES);
		assert_int_equal(writers[w](NULL, 0), length);
		for (size_t size = 1; size < length + 3; size++) {
			memset(cut, '#', TEXT_BYTES);
			assert_int_equal(writers[w](cut, size), length);
			size_t written = size > length ? length : size - 1;
			assert_memory_equal(cut, whole, written);
			assert_int_equal(cut[written], '\0');
			assert_int_equal(cut[written + 1], '#');
		}
	}
}

static _Atomic size_t changes; /* by all threads together: the reading ones go on as long */

static void change_runs(struct random *random)
{
	unsigned order = (unsigned)random_below(random, 9);
	char *pages = lm_pages_alloc(order, 0);
	*pages = 1;
	lm_pages_free(pages, order);
}

static void change_slabs(void)
{
	void *object[16];
	for (size_t i = 0; i < 16; i++)
		object[i] = heap_alloc(1500 + i * 2000);
	for (size_t i = 0; i < 16; i++)
		heap_free(object[i], "free");
	thread_cache_flush();
}

/* Nearly all of the heap goes from free to runs, or to slabs, and back: what is read later may be more than it was. */
static void change(struct random *random, size_t step)
{
	if (step / 2000 % 2 == 0)
		change_runs(random);
	else
		change_slabs();
	if (step % 8 == 0)
		purge_free_pages(0);
}

static size_t number_behind(const char *text, const char *name)
{
	size_t number = strtoul(strstr(text, name) + strlen(name), NULL, 10);
	check(number < (size_t)1 << 40);
	return number;
}

/* The numbers of a zone are of one moment, whatever others do, and what its pages are used for follows from them. */
static void read_one_moment(void)
{
	char own[TEXT_BYTES];
	check(lm_zoneinfo(own, TEXT_BYTES) < TEXT_BYTES);
	const char *normal = strstr(own, "zone   Normal");
	size_t free_pages = number_behind(normal, "nr_free_pages");
	size_t isolated = number_behind(normal, "nr_zone_isolated");
	size_t managed = number_behind(normal, "managed");
	check(free_pages + number_behind(normal, "nr_zone_used") + isolated == managed);
	check(free_pages + isolated + number_behind(own, "nr_slab_reclaimable") +
		      number_behind(own, "nr_slab_unreclaimable") + number_behind(own, "nr_anon_pages") ==
	      managed);
	check(lm_buddyinfo(own, TEXT_BYTES) < TEXT_BYTES);
}

static void change_or_read(unsigned index)
{
	struct random random = random_start(index);
	while (changes < unit_rounds(60000))
		if (index % 2 == 0)
			read_one_moment();
		else
			change(&random, changes++);
}

static void threads_read_one_moment(void **state)
{
	(void)state;
	heap_free(heap_alloc(10), "free");
	unit_threads(4, change_or_read);
}

UNIT_MAIN(UNIT(buddyinfo_is_the_buddy), UNIT(each_zone_with_pages_has_a_line), UNIT(zoneinfo_adds_up),
	  UNIT(zoneinfo_has_the_kernels_lines), UNIT(every_size_of_buffer_is_kept_to), UNIT(threads_read_one_moment))
