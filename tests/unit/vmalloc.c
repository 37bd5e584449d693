/*
 * vmalloc.c - ext/vmalloc.c: ranges with a guard page, as blocks of the heap and beside the store of freed mappings.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "large/large.h"
#include "large/large_cache.h"
#include "libmalloc/alloc.h"
#include "heap/heap.h"
#include "heap/resize.h"
#include "os/map.h"
#include "scarce.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 4, RANGES = 40, KIB = 1024, MIB = 1024 * KIB };

static _Noreturn void fault_seen(int signal) { _exit(signal == SIGSEGV ? 42 : 43); }

enum access { READ, WRITE };

/* Whether a byte may be read or written is tried in a child. */
static bool access_faults(volatile char *at, enum access access)
{
	int status;
	fflush(NULL);
	pid_t child = fork();
	check(child >= 0);
	if (child == 0) {
		signal(SIGSEGV, fault_seen);
		_exit(access == WRITE ? (*at = 1) - 1 : *at & 0);
	}
	check(waitpid(child, &status, 0) == child && WIFEXITED(status));
	check(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 42);
	return WEXITSTATUS(status) == 42;
}

static bool faults(char *at)
{
	bool write_faults = access_faults(at, WRITE);
	check(access_faults(at, READ) == write_faults);
	return write_faults;
}

static void the_byte_behind_a_range_faults(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 100, 4096, 4097, 70000, MIB, 10 * MIB + 1};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *range = lm_vmalloc(sizes[i]);
		size_t usable = heap_usable(range);
		assert_non_null(range);
		assert_int_equal(usable, round_up(sizes[i], os_page_size()));
		assert_int_equal((uintptr_t)range % os_page_size(), 0);
		assert_true(content_is_zero(range, usable));
		memset(range, 1, usable);
		assert_false(faults(range + usable - 1));
		assert_true(faults(range + usable));
		assert_true(faults(range + usable + os_page_size() - 1));
		lm_vfree(range);
	}
	lm_vfree(NULL);
	lm_kvfree(NULL);
}

struct range {
	char *address;
	size_t size;
	uint64_t tag;
	bool is_open; /* a block of the heap */
};

static struct range ranges[THREADS][RANGES];

static void take(struct random *random, struct range *range)
{
	range->size = 1 + random_below(random, random_one_in(random, 5) ? 8 * MIB : 300 * KIB);
	range->tag = random_next(random);
	range->is_open = random_one_in(random, 3);
	range->address = range->is_open ? heap_alloc(range->size) : lm_vmalloc(range->size);
	check(range->address != NULL);
	check(range->is_open || content_is_zero(range->address, size_min(range->size, 20000)));
	content_write(range->address, range->size, range->tag);
}

static void give(struct random *random, struct range *range)
{
	check(content_is(range->address, range->size, range->tag));
	if (range->is_open || random_one_in(random, 3))
		heap_free(range->address, "free");
	else if (random_one_in(random, 2))
		lm_kvfree(range->address);
	else
		lm_vfree(range->address);
	range->address = NULL;
}

static void resize(struct random *random, struct range *range)
{
	size_t size = 1 + random_below(random, MIB);
	size_t both = size_min(size, range->size);
	unsigned char *copy = heap_alloc(both);
	memcpy(copy, range->address, both);
	char *moved = heap_realloc(range->address, size, "realloc");
	check(moved != NULL && memcmp(moved, copy, both) == 0);
	heap_free(copy, "free");
	range->is_open |= moved != range->address;
	*range = (struct range){moved, size, range->tag, range->is_open};
	content_write(moved, size, range->tag);
}

/* Ranges among large blocks of the heap, whose freed mappings the store keeps, cuts and joins. */
static void churn(unsigned index)
{
	struct random random = random_start(70 + index);
	for (size_t i = 0; i < unit_rounds(1200); i++) {
		struct range *range = &ranges[index][random_below(&random, RANGES)];
		if (range->address == NULL)
			take(&random, range);
		else if (random_one_in(&random, 4))
			resize(&random, range);
		else
			give(&random, range);
	}
	for (size_t i = 0; i < RANGES; i++)
		if (ranges[index][i].address != NULL)
			give(&random, &ranges[index][i]);
}

static void nothing_is_left(void)
{
	large_cache_check();
	assert_int_equal(large_cache_counts().blocks, 0);
	assert_int_equal(large_cache_counts().bytes, 0);
}

static void random_steps_keep_contents(void **state)
{
	(void)state;
	churn(0);
	nothing_is_left();
}

static void threads_keep_their_ranges_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	nothing_is_left();
}

/* Whatever the store keeps of freed ranges, all of it may be written. */
static void the_store_has_no_guard_inside(void **state)
{
	(void)state;
	for (size_t round = 0; round < unit_rounds(30); round++) {
		char *block[8];
		char *range[8];
		for (size_t i = 0; i < 8; i++) {
			block[i] = heap_alloc((i + 1) * 200 * KIB);
			range[i] = lm_vmalloc((i + 1) * 150 * KIB);
			memset(range[i], 1, (i + 1) * 150 * KIB);
		}
		for (size_t i = 0; i < 8; i++) {
			lm_vfree(range[(i + round) % 8]);
			heap_free(block[i], "free");
			large_cache_check();
		}
		char *one = heap_alloc(3 * MIB);
		memset(one, 1, 3 * MIB);
		heap_free(one, "free");
	}
	assert_true(large_cache_held_bytes() > 0);
	nothing_is_left();
}

/* Of 2000 guards and ranges none is lost; the page map takes some pages meanwhile. */
static void addresses_come_back(void **state)
{
	(void)state;
	lm_vfree(lm_vmalloc(MIB));
	size_t before = address_space_pages() - meta_mapped_bytes() / PAGE_BYTES;
	for (int i = 0; i < 2000; i++) {
		char *range = lm_vmalloc(MIB);
		range = heap_realloc(range, 3 * MIB, "realloc");
		lm_kvfree(range);
	}
	large_cache_drain();
	assert_true(address_space_pages() - meta_mapped_bytes() / PAGE_BYTES <= before + 100);
}

/* It stays as it is where it fits, and is copied to a block without a guard where not. */
static void realloc_copies(void **state)
{
	(void)state;
	char *range = lm_vmalloc(100 * KIB);
	content_write(range, 100 * KIB, 3);
	assert_ptr_equal(heap_realloc(range, 99 * KIB, "realloc"), range);
	assert_true(faults(range + heap_usable(range)));
	allow_pages(0);
	assert_null(heap_realloc(range, 100 * MIB, "realloc"));
	assert_ptr_equal(heap_realloc(range, 30 * KIB, "realloc"), range);
	allow_pages(SIZE_MAX);
	assert_true(content_is(range, 100 * KIB, 3));
	assert_true(faults(range + 100 * KIB));
	char *moved = heap_realloc(range, MIB, "realloc");
	assert_true(moved != NULL && moved != range);
	assert_int_equal(heap_usable(range), 0);
	heap_free(moved, "free");
	nothing_is_left();
}

static void impossible_sizes_are_enomem(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX - 4096, SIZE_MAX / 2, (size_t)1 << 48,
				       ((size_t)1 << 48) - 4096};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		errno = 0;
		assert_null(lm_vmalloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(lm_vzalloc(sizes[i]));
		assert_int_equal(errno, ENOMEM);
		if (sizes[i] == 0)
			continue;
		if (sizes[i] > (size_t)1 << 48)
			assert_true(lm_kvmalloc(sizes[i], LM_NOFAIL) == NULL && errno == EINVAL);
		errno = 0;
		assert_null(lm_kvmalloc(sizes[i], LM_NOWARN));
		assert_int_equal(errno, ENOMEM);
	}
}

static bool alloc_and_free(void)
{
	void *range = lm_vmalloc(2 * MIB);
	int error = errno;
	lm_vfree(range);
	errno = error;
	return range != NULL;
}

static bool nothing_is_live(void)
{
	large_cache_check();
	return large_cache_counts().blocks == 0;
}

static void no_memory_at_any_step_loses_nothing(void **state)
{
	(void)state;
	use_up_meta();
	assert_true(fail_at_each_step(alloc_and_free, nothing_is_live) > 500);
	size_t before = address_space_pages();
	allow_pages(100);
	for (int i = 0; i < 500; i++)
		assert_null(lm_vmalloc(2 * MIB));
	allow_pages(SIZE_MAX);
	assert_int_equal(address_space_pages(), before);
}

/* Where the guard page cannot be made there is no range, and the mapping is given back. */
static void a_refused_guard_is_no_range(void **state)
{
	(void)state;
	lm_vfree(lm_vmalloc(MIB));
	large_cache_drain();
	refuse_system_call(SYS_mprotect, ENOMEM);
	size_t before = address_space_pages();
	for (int i = 0; i < 100; i++) {
		errno = 0;
		assert_null(lm_vmalloc(MIB));
		assert_int_equal(errno, ENOMEM);
	}
	assert_true(address_space_pages() <= before);
	nothing_is_left();
	void *block = lm_kvmalloc(MIB, 0);
	assert_non_null(block);
	lm_kvfree(block);
}

static void kvmalloc_takes_what_fits(void **state)
{
	(void)state;
	size_t threshold = settings.mmap_threshold;
	char *small = lm_kvmalloc(100, LM_ZERO);
	assert_true(content_is_zero(small, 100));
	assert_true(pagemap_class((uintptr_t)small) != 0);
	char *below = lm_kvmalloc(threshold - 1, 0);
	assert_true(large_of((uintptr_t)below) == NULL || large_of((uintptr_t)below)->guard == LARGE_OPEN);
	char *large = lm_kvmalloc(threshold, LM_ZERO);
	assert_int_equal(large_of((uintptr_t)large)->guard, LARGE_GUARDED);
	assert_true(content_is_zero(large, threshold));
	assert_true(faults(large + heap_usable(large)));
	char *huge = lm_kvmalloc(threshold, LM_HUGE);
	assert_true(huge != NULL && large_of((uintptr_t)huge)->guard == LARGE_OPEN);
	lm_kvfree(small);
	lm_kvfree(below);
	lm_kvfree(large);
	lm_kvfree(huge);
	errno = 0;
	assert_null(lm_kvmalloc((size_t)64 * MIB, LM_NOSYSCALL));
	assert_int_equal(errno, EAGAIN);
	nothing_is_left();
}

static void kvmalloc_with_noretry_gives_nothing_back(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		heap_free(heap_alloc(4 * MIB), "free");
	size_t held = large_cache_held_bytes();
	assert_true(held > 0);
	allow_pages(0);
	assert_null(lm_kvmalloc(16 * MIB, LM_ZERO | LM_NORETRY | LM_NOWARN));
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(large_cache_held_bytes(), held);
	assert_null(lm_kvmalloc(16 * MIB, LM_NOWARN));
	assert_int_equal(large_cache_held_bytes(), 0);
	allow_pages(SIZE_MAX);
}

static void free_range(void *range) { lm_vfree(range); }
static void free_in_heap(void *range) { heap_free(range, "free"); }

static void expect_bad(void (*body)(void *), char *pointer, const char *kind, const char *function)
{
	char line[200];
	snprintf(line, sizeof(line), "libmalloc: %s: %p (%s)", kind, (void *)pointer, function);
	unit_expect_abort(body, pointer, line);
}

static void wrong_frees_are_reported(void **state)
{
	(void)state;
	char *range = lm_vmalloc(MIB);
	char *small = heap_alloc(64);
	char *large = heap_alloc(MIB);
	expect_bad(free_range, range + 4096, "interior pointer", "lm_vfree");
	expect_bad(free_range, range + 1, "misaligned pointer", "lm_vfree");
	expect_bad(free_in_heap, range + MIB - 16, "interior pointer", "free");
	expect_bad(free_range, small, "not from lm_vmalloc", "lm_vfree");
	expect_bad(free_range, large, "not from lm_vmalloc", "lm_vfree");
	expect_bad(free_range, (char *)&range, "pointer into the stack", "lm_vfree");
	lm_vfree(range);
	expect_bad(free_range, range, "double free", "lm_vfree");
	expect_bad(free_in_heap, range, "double free", "free");
	heap_free(small, "free");
	heap_free(large, "free");
}

UNIT_MAIN(UNIT(the_byte_behind_a_range_faults), UNIT(random_steps_keep_contents), UNIT(threads_keep_their_ranges_apart),
	  UNIT(the_store_has_no_guard_inside), UNIT(addresses_come_back), UNIT(realloc_copies),
	  UNIT(impossible_sizes_are_enomem), UNIT(no_memory_at_any_step_loses_nothing), UNIT(a_refused_guard_is_no_range),
	  UNIT(kvmalloc_takes_what_fits), UNIT(kvmalloc_with_noretry_gives_nothing_back),
	  UNIT(wrong_frees_are_reported))
