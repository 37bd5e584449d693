/*
 * heap.c - heap/heap.h: any mix of calls against a list of blocks, on every path: sizes, alignments, zeros, resizing.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "magazine/bins.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "unit.h"

#include "base/settings.h"
#include "libc/options.h"
#include "large/large.h"
#include "large/run.h"
#include "large/large_cache.h"
#include "heap/heap.h"
#include "heap/resize.h"
#include "page/purge.h"
#include "page/trim.h"
#include "magazine/miss.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { BLOCKS = 400, THREADS = 4, KIB = 1024, MIB = 1024 * KIB };

struct block {
	unsigned char *address;
	size_t bytes;
	unsigned char tag;
};

static struct block blocks[THREADS][BLOCKS];

static size_t random_size(struct random *random)
{
	switch (random_below(random, 16)) {
	case 0:
		return random_below(random, 200 * KIB);
	case 1:
		return random_one_in(random, 8) ? random_below(random, 3 * MIB) : random_below(random, 40 * KIB);
	case 2:
	case 3:
		return random_below(random, 5000);
	default:
		return random_below(random, 300);
	}
}

static size_t alignment_due(size_t bytes) { return bytes == 0 ? 1 : 16; }

/* The whole block is filled, the bytes that may be used beyond those asked for too. */
static void adopt(struct block *block, void *address, size_t bytes, size_t alignment, uint64_t tag)
{
	check(address != NULL);
	check((uintptr_t)address % size_max(alignment, alignment_due(bytes)) == 0);
	size_t usable = heap_usable(address);
	check(usable >= bytes && usable >= 16);
	block->address = address;
	block->bytes = usable;
	block->tag = (unsigned char)(tag | 1);
	memset(address, block->tag, usable);
}

static bool is_intact(const struct block *block, size_t bytes)
{
	return bytes == 0 || (block->address[0] == block->tag && memcmp(block->address, block->address + 1, bytes - 1) == 0);
}

static void allocate(struct random *random, struct block *block)
{
	size_t bytes = random_size(random);
	uint64_t tag = random_next(random);
	if (random_one_in(random, 4)) {
		unsigned char *zeros = random_one_in(random, 2) ? heap_calloc(1, bytes) : heap_calloc(bytes, 1);
		check(zeros != NULL && content_is_zero(zeros, bytes));
		adopt(block, zeros, bytes, 1, tag);
	} else if (random_one_in(random, 6)) {
		size_t alignment = (size_t)1 << random_below(random, random_one_in(random, 4) ? 23 : 13);
		adopt(block, heap_aligned(alignment, bytes), bytes, alignment, tag);
	} else {
		adopt(block, random_one_in(random, 2) ? heap_alloc(bytes) : heap_realloc(NULL, bytes, "realloc"), bytes, 1, tag);
	}
}

static void resize(struct random *random, struct block *block)
{
	size_t bytes = random_one_in(random, 3) ? random_size(random) : block->bytes / 2 + random_below(random, block->bytes + 2);
	size_t kept = size_min(block->bytes, bytes);
	check(is_intact(block, block->bytes));
	void *moved = heap_realloc(block->address, bytes, "realloc");
	if (bytes == 0) {
		check(moved == NULL);
		block->address = NULL;
		return;
	}
	check(moved != NULL);
	block->address = moved;
	check(is_intact(block, kept));
	adopt(block, moved, bytes, 1, random_next(random));
}

static void step(struct random *random, struct block *block)
{
	if (block->address == NULL) {
		allocate(random, block);
	} else if (random_one_in(random, 4)) {
		resize(random, block);
	} else {
		check(is_intact(block, block->bytes));
		heap_free(block->address, "free");
		block->address = NULL;
	}
}

static void give_back_all(unsigned index)
{
	for (size_t i = 0; i < BLOCKS; i++) {
		if (blocks[index][i].address == NULL)
			continue;
		check(is_intact(&blocks[index][i], blocks[index][i].bytes));
		heap_free(blocks[index][i].address, "free");
		blocks[index][i].address = NULL;
	}
}

static void nothing_is_left(void)
{
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
	check(run_bytes() == 0 && large_cache_counts().blocks == 0);
}

static void churn(unsigned index)
{
	struct random random = random_start(90 + index);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		step(&random, &blocks[index][random_below(&random, BLOCKS)]);
		if (random_one_in(&random, 1000))
			reclaim_all();
		if (random_one_in(&random, 1000))
			trim_to_pad(&zones[ZONE_HEAP], 0);
	}
	give_back_all(index);
}

static void blocks_keep_their_contents(void **state)
{
	(void)state;
	churn(0);
	nothing_is_left();
	assert_int_equal(zone_used_pages(), 0);
}

/* The same with the threshold moved: runs instead of mappings, and large blocks instead of small objects. */
static void blocks_keep_their_contents_whatever_the_threshold(void **state)
{
	(void)state;
	static const size_t thresholds[] = {SIZE_MAX, 64 * MIB, 4 * MIB, 16 * KIB, 600, 0};
	for (size_t i = 0; i < 6; i++) {
		assert_true(option_set(option_of_mallopt(M_MMAP_THRESHOLD), thresholds[i]));
		struct random random = random_start(95 + i);
		for (size_t n = 0; n < unit_rounds(2500); n++)
			step(&random, &blocks[0][random_below(&random, 100)]);
		/* What was allocated under one threshold is freed under the next. */
	}
	give_back_all(0);
	nothing_is_left();
}

static void threads_keep_their_blocks_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	nothing_is_left();
}

enum { EXCHANGE = 200 };
static void *_Atomic exchange[EXCHANGE];

static void hand_over(unsigned index)
{
	struct random random = random_start(96 + index);
	for (size_t i = 0; i < unit_rounds(15000); i++) {
		size_t bytes = 16 + random_size(&random);
		size_t *mine = heap_alloc(bytes);
		check(mine != NULL);
		*mine = bytes;
		((unsigned char *)mine)[bytes - 1] = (unsigned char)bytes;
		size_t *theirs = atomic_exchange(&exchange[random_below(&random, EXCHANGE)], mine);
		if (theirs == NULL)
			continue;
		check(heap_usable(theirs) >= *theirs);
		check(*theirs < 256 || ((unsigned char *)theirs)[*theirs - 1] == (unsigned char)*theirs);
		heap_free(theirs, "free");
	}
}

static void threads_free_what_others_allocated(void **state)
{
	(void)state;
	unit_threads(THREADS, hand_over);
	for (size_t i = 0; i < EXCHANGE; i++)
		heap_free(exchange[i], "free");
	nothing_is_left();
}

static void each_size_is_served_from_its_layer(void **state)
{
	(void)state;
	void *small = heap_alloc(127 * KIB);
	void *mapped = heap_alloc(128 * KIB);
	assert_int_equal(pagemap_class((uintptr_t)small), size_class_of(127 * KIB));
	assert_int_equal(pagemap_class((uintptr_t)mapped), 0);
	assert_non_null(large_of((uintptr_t)mapped));
	void *aligned = heap_aligned(1 * MIB, 100);
	assert_true(run_usable((uintptr_t)aligned) != 0);
	void *very_aligned = heap_aligned(64 * MIB, 100);
	assert_non_null(large_of((uintptr_t)very_aligned));
	settings.mmap_max = 0;
	void *run = heap_alloc(5 * MIB);
	assert_true(run_usable((uintptr_t)run) >= 5 * MIB);
	void *all[] = {small, mapped, aligned, very_aligned, run};
	for (size_t i = 0; i < 5; i++) {
		memset(all[i], 1, heap_usable(all[i]));
		heap_free(all[i], "free");
		assert_int_equal(heap_usable(all[i]), i == 0 ? heap_usable(small) : 0);
	}
	nothing_is_left();
}

/* With such a threshold some requests of one class are small and some are large. The small ones miss the fast path. */
static void a_threshold_inside_a_class_loses_nothing(void **state)
{
	(void)state;
	static void *held[200];
	assert_true(option_set(option_of_mallopt(M_MMAP_THRESHOLD), 600));
	unsigned c = size_class_of(595);
	for (size_t i = 0; i < 200; i++) {
		size_t objects[CLASS_COUNT] = {0};
		held[i] = heap_alloc(595);
		thread_cache_count_objects(objects);
		assert_int_equal(pagemap_class((uintptr_t)held[i]), c);
		assert_int_equal(caches[c].objects_out, i + 1 + objects[c] + depots[c].objects);
	}
	for (size_t i = 0; i < 200; i++)
		heap_free(held[i], "free");
	nothing_is_left();
}

static void zero_and_null_are_allowed(void **state)
{
	(void)state;
	void *empty = heap_alloc(0);
	void *other = heap_alloc(0);
	assert_true(empty != NULL && other != NULL && empty != other);
	heap_free(NULL, "free");
	assert_int_equal(heap_usable(NULL), 0);
	assert_null(heap_realloc(empty, 0, "realloc"));
	heap_free(other, "free");
	for (size_t alignment = 32; alignment <= (size_t)32 << 20; alignment *= 2) {
		void *aligned = heap_aligned(alignment, 0);
		assert_true(aligned != NULL && heap_usable(aligned) > 0);
		*(char *)aligned = 1;
		heap_free(aligned, "free");
	}
	void *zeros = heap_calloc(0, 100);
	assert_non_null(zeros);
	heap_free(zeros, "free");
	nothing_is_left();
}

static void impossible_requests_are_refused(void **state)
{
	(void)state;
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 4096, PTRDIFF_MAX, (size_t)1 << 48, (size_t)1 << 47};
	void *block = heap_alloc(100);
	memset(block, 7, 100);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = 0;
		assert_null(heap_alloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(heap_calloc(1, sizes[i]));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(heap_realloc(block, sizes[i], "realloc"));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(heap_aligned(4096, sizes[i]));
		assert_int_equal(errno, ENOMEM);
	}
	errno = 0;
	assert_null(heap_calloc(SIZE_MAX / 2, 3));
	assert_int_equal(errno, ENOMEM);
	assert_null(heap_calloc((size_t)1 << 32, (size_t)1 << 32));
	errno = 0;
	assert_null(heap_aligned((size_t)1 << 60, 1));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(((char *)block)[99], 7);
	heap_free(block, "free");
	void *again = heap_alloc(100);
	assert_non_null(again);
}

static void free_keeps_errno(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 16, 1000, 20 * KIB, 100 * KIB, 200 * KIB, 10 * MIB};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int n = 0; n < 50; n++) {
			void *block = heap_alloc(sizes[i]);
			errno = 1234;
			heap_free(block, "free");
			assert_int_equal(errno, 1234);
		}
	}
}

/* Fitting blocks stay; a block of which more than a quarter would be unused moves. */
static void resizing_stays_where_it_fits(void **state)
{
	(void)state;
	char *block = heap_alloc(1000);
	size_t usable = heap_usable(block);
	memset(block, 9, usable);
	assert_ptr_equal(heap_realloc(block, usable, "realloc"), block);
	assert_ptr_equal(heap_realloc(block, usable - usable / 4, "realloc"), block);
	char *smaller = heap_realloc(block, usable / 2, "realloc");
	assert_ptr_not_equal(smaller, block);
	assert_true(heap_usable(smaller) < usable && smaller[0] == 9 && smaller[usable / 2 - 1] == 9);
	char *larger = heap_realloc(smaller, usable + 1, "realloc");
	assert_true(heap_usable(larger) > usable && larger[0] == 9 && larger[usable / 2 - 1] == 9);
	heap_free(larger, "free");
	/* From small to mapped and back. */
	block = heap_alloc(100 * KIB);
	memset(block, 5, 100 * KIB);
	block = heap_realloc(block, 300 * KIB, "realloc");
	assert_non_null(large_of((uintptr_t)block));
	assert_true(block[0] == 5 && block[100 * KIB - 1] == 5);
	block = heap_realloc(block, 50 * KIB, "realloc");
	assert_null(large_of((uintptr_t)block));
	assert_true(block[0] == 5 && block[50 * KIB - 1] == 5);
	heap_free(block, "free");
	nothing_is_left();
}

/* Of kept mappings that lie apart one block is put together, which realloc cannot move. */
static unsigned char *joined_block(size_t bytes)
{
	void *block[6];
	heap_free(heap_alloc(8 * MIB), "free");
	for (size_t i = 0; i < 6; i++)
		block[i] = heap_alloc(1 * MIB);
	assert_non_null(heap_alloc(8 * MIB));
	for (size_t i = 0; i < 6; i += 2)
		heap_free(block[i], "free");
	unsigned char *joined = heap_alloc(bytes);
	assert_true(large_of((uintptr_t)joined)->mapping.npieces > 1);
	return joined;
}

static void resizing_a_block_of_several_pieces_copies_it(void **state)
{
	(void)state;
	unsigned char *block = joined_block(4 * MIB);
	struct large *large = large_of((uintptr_t)block);
	for (size_t i = 0; i < 4 * MIB; i++)
		block[i] = (unsigned char)(i * 7 + i / 4096);
	/* Something behind it is in the way. */
	mmap((char *)large->mapping.base + large->mapping.bytes, 4096, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	unsigned char *moved = heap_realloc(block, 6 * MIB, "realloc");
	assert_ptr_not_equal(moved, block);
	assert_null(large_of((uintptr_t)block));
	assert_true(heap_usable(moved) >= 6 * MIB);
	for (size_t i = 0; i < 4 * MIB; i++)
		check(moved[i] == (unsigned char)(i * 7 + i / 4096));
	heap_free(moved, "free");
}

/* Objects that calloc takes past the magazines count as the thread's own: else their frees would count as others'. */
static void calloc_counts_in_the_balance(void **state)
{
	(void)state;
	void *block[40];
	unsigned c = size_class_of(8000);
	heap_free(heap_alloc(16), "free");
	for (size_t i = 0; i < 40; i++)
		block[i] = heap_calloc(1, 8000);
	assert_int_equal(thread_cache_self->state[c].balance, 40 + bin_objects(thread_cache_self, c));
	for (size_t i = 0; i < 40; i++)
		heap_free(block[i], "free");
	assert_int_equal(thread_cache_self->state[c].balance, bin_objects(thread_cache_self, c));
}

/* What was purged or never touched need not be cleared, and reads as zeros all the same. */
static void calloc_of_used_memory_is_zero(void **state)
{
	(void)state;
	static const size_t sizes[] = {24, 3000, 4096, 20 * KIB, 100 * KIB, 300 * KIB, 3 * MIB};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *kept[20];
		for (int round = 0; round < 4; round++) {
			for (int n = 0; n < 20; n++) {
				kept[n] = heap_calloc(1, sizes[i]);
				check(content_is_zero(kept[n], sizes[i]));
				memset(kept[n], 0xee, heap_usable(kept[n]));
			}
			for (int n = 0; n < 20; n++)
				heap_free(kept[n], "free");
			if (round == 1)
				thread_cache_flush();
			if (round == 2)
				reclaim_all();
		}
	}
	nothing_is_left();
}

static void free_it(void *pointer) { heap_free(pointer, "free"); }

static void free_and_flush(void *pointer)
{
	heap_free(pointer, "free");
	thread_cache_flush();
}

static void realloc_it(void *pointer) { heap_realloc(pointer, 10, "realloc"); }

static void expect(void (*body)(void *), void *pointer, const char *kind, const char *function)
{
	char line[200];
	snprintf(line, sizeof(line), "libmalloc: %s: 0x%lx (%s)", kind, (unsigned long)pointer, function);
	unit_expect_abort(body, pointer, line);
}

static void bad_pointers_are_reported(void **state)
{
	(void)state;
	char *small = heap_alloc(64);
	char *large = heap_alloc(300 * KIB);
	char *freed = heap_alloc(2000);
	heap_free(freed, "free");
	expect(free_it, small + 16, "interior pointer", "free");
	expect(free_it, small + 1, "misaligned pointer", "free");
	expect(free_it, large + 4096, "interior pointer", "free");
	expect(realloc_it, large + 16, "interior pointer", "realloc");
	expect(free_it, freed, "double free", "free");
	expect(realloc_it, freed, "block already freed", "realloc");
	expect(free_it, &small, "pointer into the stack", "free");
	expect(free_it, (void *)8, "pointer never allocated", "free");
	expect(free_it, (void *)UINTPTR_MAX, "pointer never allocated", "free");
	expect(free_it, (void *)((uintptr_t)freed ^ (uintptr_t)1 << 63), "pointer never allocated", "free");
	heap_free(large, "free");
	expect(free_it, large, "double free", "free");
}

/* A heap whose pages are not in the page map's window, as beyond its 2 GiB or where no break can be raised. */
static void all_is_the_same_outside_of_the_window(void **state)
{
	atomic_store(&pagemap_window_base, 0);
	void *small = heap_alloc(64);
	assert_true(pagemap_window_index((uintptr_t)small) >= LEAF_PAGES);
	heap_free(small, "free");
	assert_ptr_equal(bin_newest(bin_of(size_class_of(64))), small);
	churn(0);
	nothing_is_left();
	bad_pointers_are_reported(state);
}

/* The space left at the end of a slab is never an object. */
static void the_waste_of_a_slab_is_reported(void **state)
{
	(void)state;
	size_t found = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		size_t used = (size_t)size_classes[c].objects * size_classes[c].bytes;
		if (used == (size_t)size_classes[c].pages * PAGE_BYTES)
			continue;
		uintptr_t object = (uintptr_t)heap_alloc(size_classes[c].bytes);
		uintptr_t slab = object & ~(((uintptr_t)PAGE_BYTES << size_classes[c].order) - 1);
		char text[500];
		int status = unit_capture(free_and_flush, (void *)(slab + used), text, sizeof(text));
		assert_true(status != 0 && strstr(text, "libmalloc: ") == text);
		found++;
	}
	assert_true(found > 20);
}

/* No address inside of a block looks like the start of one. */
static void no_inner_address_is_taken(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		char *object = heap_alloc(size_classes[c].bytes);
		for (size_t offset = 1; offset < size_classes[c].bytes; offset++) {
			if (push_into(bin_of(c), object + offset))
				fail_msg("class of %u bytes: offset %zu", size_classes[c].bytes, offset);
		}
	}
}

/* A new block of the same class would be no smaller: so a block that was asked for as it is stays. */
static void a_block_stays_in_its_class(void **state)
{
	(void)state;
	for (size_t bytes = 1; bytes <= SMALL_MAX_BYTES; bytes += 1 + bytes / 64) {
		void *block = heap_alloc(bytes);
		assert_ptr_equal(heap_realloc(block, bytes, "realloc"), block);
		for (size_t less = bytes; less > 0 && size_class_of(less) == size_class_of(bytes); less--)
			assert_ptr_equal(heap_realloc(block, less, "realloc"), block);
		heap_free(block, "free");
	}
}

UNIT_MAIN(UNIT(a_block_stays_in_its_class), UNIT(blocks_keep_their_contents), UNIT(blocks_keep_their_contents_whatever_the_threshold),
	  UNIT(threads_keep_their_blocks_apart), UNIT(threads_free_what_others_allocated),
	  UNIT(each_size_is_served_from_its_layer), UNIT(a_threshold_inside_a_class_loses_nothing),
	  UNIT(zero_and_null_are_allowed), UNIT(impossible_requests_are_refused),
	  UNIT(free_keeps_errno), UNIT(resizing_stays_where_it_fits), UNIT(resizing_a_block_of_several_pieces_copies_it),
	  UNIT(calloc_of_used_memory_is_zero), UNIT(calloc_counts_in_the_balance),
	  UNIT(bad_pointers_are_reported), UNIT(all_is_the_same_outside_of_the_window),
	  UNIT(the_waste_of_a_slab_is_reported), UNIT(no_inner_address_is_taken))
