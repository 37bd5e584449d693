/*
 * statistics.c - proc/statistics.h: the sums agree with what was allocated, and with each other.
 */
#include "heap/request.h"
#include "magazine/depot.h"
#include "unit.h"

#include "base/settings.h"
#include "proc/statistics.h"
#include "large/large.h"
#include "heap/heap.h"
#include "os/thread.h"
#include "page/meta.h"
#include "page/pagemap.h"
#include "page/trim.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/reclaim.h"
#include "magazine/thread_cache.h"

#include <string.h>

enum { BLOCKS = 500, KIB = 1024 };

static struct statistics now;

static size_t block_bytes[BLOCKS]; /* as usable; 0: none */
static void *blocks[BLOCKS];
static size_t small_live[CLASS_COUNT];

/* Every page of the heap is free, or in a slab, or in a run. */
static void sums_agree(void)
{
	size_t slab_pages = 0;
	size_t small_bytes = 0;
	size_t cached_bytes = 0, cached_objects = 0;
	size_t free_bytes = 0, free_objects = 0;
	statistics_collect(&now);
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		const struct class_statistics *class = &now.class[c];
		check(class->live + class->cached + class->free == class->slabs * size_classes[c].objects);
		check(class->live == small_live[c]);
		slab_pages += class->slabs * size_classes[c].pages;
		small_bytes += class->live * size_classes[c].bytes;
		cached_bytes += class->cached * size_classes[c].bytes;
		cached_objects += class->cached;
		free_bytes += class->free * size_classes[c].bytes;
		free_objects += class->free;
	}
	statistics_check(&now);
	check(now.live_bytes == small_bytes + now.run_bytes);
	check(now.cached_bytes == cached_bytes && now.cached_objects == cached_objects);
	check(now.free_bytes == free_bytes + now.free_pages_bytes && now.free_objects == free_objects);
	check(now.waste_bytes == slab_pages * PAGE_BYTES - small_bytes - cached_bytes - free_bytes);
	check(now.heap_bytes == now.free_pages_bytes + slab_pages * PAGE_BYTES + now.run_bytes);
	check(now.break_bytes <= now.heap_bytes && now.top_bytes <= now.free_pages_bytes);
	check((now.free_blocks == 0) == (now.free_pages_bytes == 0));
	check(now.dirty_bytes == (zone_dirty_pages() + listed_idle_pages()) * PAGE_BYTES);
	check(now.mapped.blocks <= now.mapped.blocks_most && now.mapped.bytes <= now.mapped.bytes_most);
	check(now.metadata_bytes == meta_mapped_bytes());
}

static void step(struct random *random)
{
	size_t at = random_below(random, BLOCKS);
	unsigned c = blocks[at] == NULL ? 0 : pagemap_class((uintptr_t)blocks[at]);
	if (blocks[at] != NULL) {
		heap_free(blocks[at], "free");
		blocks[at] = NULL;
		small_live[c] -= c != 0;
		return;
	}
	size_t bytes = random_below(random, random_one_in(random, 10) ? 300 * KIB : 3000);
	blocks[at] = heap_alloc(bytes);
	c = pagemap_class((uintptr_t)blocks[at]);
	small_live[c] += c != 0;
	block_bytes[at] = heap_usable(blocks[at]);
}

/* What the large blocks that are live now use. */
static size_t large_usable_bytes(size_t *count)
{
	size_t bytes = 0;
	*count = 0;
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[i] == NULL || large_of((uintptr_t)blocks[i]) == NULL)
			continue;
		bytes += large_of((uintptr_t)blocks[i])->mapping.bytes;
		++*count;
	}
	return bytes;
}

static void counts_follow_what_is_allocated(void **state)
{
	(void)state;
	struct random random = random_start(110);
	size_t count;
	statistics_collect(&now);
	assert_int_equal(now.heap_bytes + now.live_bytes + now.cached_bytes + now.mapped.blocks + thread_count(), 0);
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		step(&random);
		sums_agree();
		check(now.mapped.bytes == large_usable_bytes(&count) && now.mapped.blocks == count);
		check(thread_count() == 1);
	}
	for (size_t i = 0; i < BLOCKS; i++) {
		heap_free(blocks[i], "free");
		blocks[i] = NULL;
	}
	memset(small_live, 0, sizeof(small_live));
	sums_agree();
	assert_int_equal(now.live_bytes, 0);
	assert_int_equal(now.mapped.blocks + now.mapped.bytes, 0);
	assert_true(now.mapped.blocks_most > 0 && now.cached_bytes > 0);
	thread_cache_flush();
	depot_drain_all();
	sums_agree();
	assert_int_equal(now.cached_bytes, 0);
	assert_int_equal(now.heap_bytes, now.free_pages_bytes);
}

static void runs_and_mapped_blocks_are_told_apart(void **state)
{
	(void)state;
	settings.mmap_max = 1;
	assert_non_null(heap_alloc(200 * KIB));
	assert_non_null(heap_alloc(200 * KIB));
	assert_non_null(heap_alloc(100));
	statistics_collect(&now);
	assert_int_equal(now.mapped.blocks, 1);
	assert_in_range(now.mapped.bytes, 200 * KIB, 210 * KIB);
	assert_int_equal(now.run_bytes, 200 * KIB);
	assert_int_equal(now.live_bytes, 200 * KIB + 112);
	assert_int_equal(now.break_bytes, now.heap_bytes);
}

static void stay_for_a_while(unsigned index)
{
	(void)index;
	heap_free(heap_alloc(64), "free");
	statistics_collect(&(struct statistics){0});
}

static void threads_are_counted(void **state)
{
	(void)state;
	stay_for_a_while(0);
	statistics_collect(&now);
	assert_int_equal(thread_count(), 1);
	unit_threads(3, stay_for_a_while);
	statistics_collect(&now);
	assert_int_equal(thread_count(), 1);
	assert_int_equal(now.live_bytes, 0);
}

static _Atomic size_t changes; /* by all threads together: the one that counts goes on as long */

/* Blocks come and go, small ones and runs, and the heap is given back. */
static void change(struct random *random, void **own)
{
	for (size_t i = 0; i < BLOCKS; i++)
		own[i] = heap_alloc(random_below(random, random_one_in(random, 50) ? 300 * KIB : 3000));
	for (size_t i = 0; i < BLOCKS; i++)
		heap_free(own[i], "free");
	thread_cache_flush();
	reclaim_all();
	trim_to_pad(&zones[ZONE_HEAP], 0);
	changes++;
}

static void change_or_count(unsigned index)
{
	static void *own[4][BLOCKS];
	struct random random = random_start(index);
	struct statistics counted;
	while (changes < unit_rounds(1000)) {
		if (index > 0)
			change(&random, own[index]);
		statistics_collect(&counted);
		statistics_check(&counted);
	}
}

static void threads_keep_the_sum(void **state)
{
	(void)state;
	settings.mmap_max = 3;
	unit_threads(4, change_or_count);
	statistics_collect(&now);
	assert_int_equal(now.live_bytes, 0);
}

UNIT_MAIN(UNIT(counts_follow_what_is_allocated), UNIT(runs_and_mapped_blocks_are_told_apart), UNIT(threads_are_counted),
	  UNIT(threads_keep_the_sum))
