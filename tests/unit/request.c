/*
 * request.c - heap/request.h: memory runs out; what is idle is used, NULL and ENOMEM after that, and nothing is lost.
 */
#define _GNU_SOURCE
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "slab/cache_alloc.h"
#include "unit.h"

#include "base/settings.h"
#include "heap/heap.h"
#include "heap/request.h"
#include "os/brk.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

enum { KIB = 1024, MANY = 200000 };

static void *blocks[MANY];
static size_t nblocks;

static struct rlimit as_before;

/* No mapping and no break: what there is must do. */
static void refuse_all(void)
{
	getrlimit(RLIMIT_AS, &as_before);
	struct rlimit none = {1, as_before.rlim_max};
	check(setrlimit(RLIMIT_AS, &none) == 0);
}

static void allow_all(void) { check(setrlimit(RLIMIT_AS, &as_before) == 0); }

/* Takes blocks until there are no more: each is written, so that one that is handed out twice is seen. */
static void exhaust(size_t bytes)
{
	void *block;
	while (nblocks < MANY && (block = heap_alloc(bytes)) != NULL) {
		content_write(block, bytes, nblocks);
		blocks[nblocks++] = block;
	}
	check(nblocks < MANY && errno == ENOMEM);
}

static void all_are_intact(size_t first, size_t bytes)
{
	for (size_t i = first; i < nblocks; i++)
		check(content_is(blocks[i], bytes, i));
}

static void release(size_t down_to)
{
	while (nblocks > down_to)
		heap_free(blocks[--nblocks], "free");
}

static void running_out_is_null_and_enomem(void **state)
{
	(void)state;
	static const size_t sizes[] = {16, 100, 1000, 5000, 30 * KIB, 100 * KIB};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *first = heap_alloc(sizes[i]);
		refuse_all();
		exhaust(sizes[i]);
		errno = 0;
		void *large = heap_alloc(1 << 20);
		bool enomem = errno == ENOMEM;
		void *zeroed = heap_calloc(1, 3 << 20);
		/* One is freed, and one is there again. */
		heap_free(first, "free");
		void *again = heap_alloc(sizes[i]);
		allow_all();
		assert_true(large == NULL && enomem && zeroed == NULL);
		assert_non_null(again);
		all_are_intact(0, sizes[i]);
		heap_free(again, "free");
		release(0);
		assert_non_null(heap_alloc(1 << 20));
	}
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

/* With no page left, a small object comes from the free space of a larger class. */
static void larger_classes_help_out(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		blocks[nblocks++] = heap_alloc(9000);
	for (size_t i = 0; i < nblocks; i++)
		content_write(blocks[i], 9000, i);
	size_t own = nblocks;
	refuse_all();
	exhaust(700);
	void *object = blocks[nblocks - 1];
	/* The slab of the 9000 was used up for objects of 700. */
	unsigned c = pagemap_class((uintptr_t)object);
	void *aligned = heap_aligned(512, 10);
	allow_all();
	assert_true(nblocks > own);
	assert_true(size_classes[c].bytes >= 9000);
	assert_null(aligned);
	for (size_t i = 0; i < own; i++)
		assert_true(content_is(blocks[i], 9000, i));
	all_are_intact(own, 700);
	release(0);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
	assert_int_equal(zone_used_pages(), 0);
}

/* What this thread's magazines hold at the top of the heap becomes a block, and does not go back with the break. */
static void emptied_magazines_serve_the_request(void **state)
{
	(void)state;
	settings.top_pad = 0;
	settings.trim_threshold = 0;
	settings.adaptive_trim = 0;
	settings.mmap_threshold = 1 << 20;
	void *top = heap_alloc(128 * KIB);
	memset(top, 1, 128 * KIB);
	refuse_all();
	exhaust(16);
	uintptr_t before = os_brk_now();
	size_t used = zone_used_pages();
	heap_free(top, "free");
	bool is_cached = zone_used_pages() == used;
	void *block = heap_alloc(100 * KIB);
	uintptr_t after = os_brk_now();
	allow_all();
	assert_true(is_cached);
	assert_non_null(block);
	assert_int_equal(after, before);
	heap_free(block, "free");
	all_are_intact(0, 16);
	release(0);
}

static unsigned tries;

static void *fail_once(const struct request *request)
{
	tries++;
	return tries > 1 ? NULL : heap_alloc(request->bytes);
}

/* The alignment is kept when a larger class helps out. */
static void a_larger_class_is_aligned_too(void **state)
{
	(void)state;
	struct request request = {.bytes = 100, .alignment = 256, .size_class = size_class_aligned(100, 256), .attempt = fail_once};
	static const size_t sizes[] = {256, 272 + 16, 320, 512, 1024, 1280};
	void *object = heap_alloc(5120);
	tries = 1;
	for (size_t i = 0; i < 6; i++)
		assert_non_null(cache_alloc_one(size_class_of(sizes[i]), &(bool){false}));
	for (int i = 0; i < 200; i++) {
		void *block = request_serve_short(&request);
		assert_non_null(block);
		assert_int_equal((uintptr_t)block % 256, 0);
		assert_true(size_classes[pagemap_class((uintptr_t)block)].bytes >= 100);
	}
	(void)object;
}

static void *always_fail(const struct request *request)
{
	(void)request;
	tries++;
	return NULL;
}

static void what_is_idle_is_given_back_first(void **state)
{
	(void)state;
	struct request request = {.bytes = 5 << 20, .attempt = always_fail};
	for (int i = 0; i < 2000; i++)
		blocks[nblocks++] = heap_alloc(100);
	for (size_t i = 0; i < nblocks; i++)
		memset(blocks[i], 1, 100);
	release(1);
	tries = 0;
	assert_null(request_serve_short(&request));
	/* It is tried once after magazines were emptied, and once more after the break was lowered. */
	assert_int_equal(tries, 2);
	assert_int_equal(depot_bytes(), 0);
	assert_int_equal(zone_dirty_pages() + cache_idle_pages(), 0);
	assert_int_equal(caches[size_class_of(100)].objects_out, 1);
	/* A large request takes no object of a class. */
	assert_int_equal(nblocks, 1);
}

UNIT_MAIN(UNIT(running_out_is_null_and_enomem), UNIT(larger_classes_help_out),
	  UNIT(emptied_magazines_serve_the_request), UNIT(a_larger_class_is_aligned_too),
	  UNIT(what_is_idle_is_given_back_first))
