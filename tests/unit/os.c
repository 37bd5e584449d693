/*
 * os.c - os/map.h, os/brk.h, os/clock.h: what the system gives is where and as long as was asked, and errno is left alone.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "os/areas.h"
#include "os/brk.h"
#include "os/clock.h"
#include "os/map.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void the_page_size_is_the_systems(void **state)
{
	(void)state;
	assert_int_equal(os_page_size(), sysconf(_SC_PAGESIZE));
	assert_int_equal(os_page_size(), sysconf(_SC_PAGESIZE));
}

static void mappings_are_zero_and_go_away(void **state)
{
	(void)state;
	size_t bytes = 5 * os_page_size();
	char *block = os_map(bytes);
	assert_non_null(block);
	assert_int_equal((uintptr_t)block % os_page_size(), 0);
	assert_true(content_is_zero(block, bytes));
	memset(block, 1, bytes);
	assert_true(os_is_mapped(block) && os_is_mapped(block + bytes - 1));
	assert_true(os_unmap(block + bytes - os_page_size(), os_page_size()));
	assert_true(os_is_mapped(block + bytes - os_page_size() - 1));
	assert_false(os_is_mapped(block + bytes - os_page_size()));
	assert_true(os_unmap(block, bytes));
	assert_false(os_is_mapped(block));
	assert_false(os_is_mapped((void *)UINTPTR_MAX));
	assert_false(os_is_mapped(NULL));
}

static void what_faults_is_not_readable(void **state)
{
	(void)state;
	size_t page = os_page_size();
	char *block = os_map_guarded(page);
	assert_non_null(block);
	assert_true(os_is_readable(block) && os_is_readable(block + page - 1));
	assert_true(os_is_readable((void *)what_faults_is_not_readable));
	assert_true(os_is_mapped(block + page) && !os_is_readable(block + page));
	assert_false(os_is_readable(NULL) || os_is_readable((void *)UINTPTR_MAX));
	assert_false(os_is_readable((void *)((uintptr_t)1 << 47)) || os_is_readable((void *)((uintptr_t)1 << 63)));
	assert_true(os_unmap_guard(block, page) && os_unmap(block, page));
	assert_false(os_is_readable(block));
}

static volatile int stop_mapping;

static void *map_and_unmap(void *page)
{
	while (!stop_mapping) {
		munmap(page, os_page_size());
		mmap(page, os_page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		*(volatile long *)page = 1;
	}
	return NULL;
}

static void what_is_unmapped_meanwhile_can_be_read(void **state)
{
	(void)state;
	pthread_t thread;
	long word = 5, refused = 0, read = 0;
	char *page = os_map(os_page_size());
	assert_true(os_read(&(long){6}, &word, sizeof word) && word == 6);
	assert_int_equal(pthread_create(&thread, NULL, map_and_unmap, page), 0);
	while (refused < 1000 || read < 1000) {
		bool was_read = os_read(page, &word, sizeof word);
		assert_true(!was_read || word == 0 || word == 1);
		*(was_read ? &read : &refused) += 1;
	}
	stop_mapping = 1;
	pthread_join(thread, NULL);
	assert_true(os_unmap(page, os_page_size()));
	assert_false(os_read(page, &word, sizeof word) || os_read(NULL, &word, sizeof word));
}

static void impossible_lengths_are_refused(void **state)
{
	(void)state;
	errno = 77;
	assert_null(os_map(SIZE_MAX - 4095));
	assert_null(os_map((size_t)1 << 62));
	assert_null(os_map_aligned((size_t)1 << 62, (size_t)1 << 63));
	assert_null(os_map_aligned(SIZE_MAX - 4095, 1 << 20));
	assert_null(os_map_aligned(4096, (size_t)1 << 62));
	assert_int_equal(os_brk_raise((size_t)1 << 60), 0);
	assert_int_equal(errno, 77);
}

/* Only what was asked for stays mapped. */
/* The bytes of all mappings but the stack. */
static size_t mapped_bytes(void)
{
	static struct areas areas;
	struct area area;
	size_t bytes = 0;
	assert_true(areas_open(&areas));
	while (areas_next(&areas, &area))
		bytes += area.is_stack ? 0 : area.end - area.start;
	areas_close(&areas);
	return bytes;
}

static void aligned_mappings_have_no_edges(void **state)
{
	(void)state;
	for (size_t alignment = 1; alignment <= (size_t)64 << 20; alignment *= 4) {
		for (size_t pages = 1; pages <= 300; pages = pages * 3 + 1) {
			size_t bytes = pages * os_page_size();
			/* Something in the way, so that addresses differ. */
			void *first = os_map(os_page_size());
			size_t before = mapped_bytes();
			char *block = os_map_aligned(bytes, alignment);
			assert_non_null(block);
			assert_int_equal((uintptr_t)block % alignment, 0);
			/* A sanitizer maps and unmaps around us: whose an edge is cannot be told there. */
			if (!UNIT_SANITIZED)
				assert_int_equal(mapped_bytes(), before + bytes);
			memset(block, 1, bytes);
			assert_true(os_unmap(block, bytes));
			os_unmap(first, os_page_size());
		}
	}
}

static void private_mappings_have_guards(void **state)
{
	(void)state;
	char *block = os_map_private(10000);
	assert_non_null(block);
	memset(block, 1, 10000);
	/* The pages at the ends are there, and nothing is on them. */
	assert_true(os_is_mapped(block - 1));
	assert_true(os_is_mapped(block + round_up(10000, os_page_size())));
	assert_true(content_is_zero(block - os_page_size(), os_page_size()));
	assert_true(content_is_zero(block + round_up(10000, os_page_size()), os_page_size()));
}

static void purged_pages_read_as_zeros(void **state)
{
	(void)state;
	size_t page = os_page_size();
	char *block = os_map(4 * page);
	memset(block, 1, 4 * page);
	assert_true(os_purge(block + page, 2 * page));
	assert_true(content_is_zero(block + page, 2 * page));
	assert_int_equal(block[page - 1], 1);
	assert_int_equal(block[3 * page], 1);
	os_unmap(block, 4 * page);
	assert_false(os_purge(block, page));
}

static void mappings_are_resized_and_moved(void **state)
{
	(void)state;
	size_t page = os_page_size();
	char *block = os_map(8 * page);
	content_write(block, 3 * page, 1);
	assert_int_equal(os_resize(block, 8 * page, 3 * page), OS_REMAPPED);
	assert_false(os_is_mapped(block + 3 * page));
	assert_int_equal(os_resize(block, 3 * page, 6 * page), OS_REMAPPED);
	assert_true(content_is(block, 3 * page, 1) && content_is_zero(block + 3 * page, 3 * page));
	/* A page behind is in the way. */
	assert_ptr_equal(mmap(block + 6 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), block + 6 * page);
	assert_int_equal(os_resize(block, 6 * page, 7 * page), OS_REMAP_NEVER);
	assert_true(content_is(block, 3 * page, 1));
	char copy[64];
	memcpy(copy, block + 100, sizeof(copy));
	char *target = os_map(9 * page);
	assert_int_equal(os_move(block, 6 * page, target, 9 * page), OS_REMAPPED);
	assert_memory_equal(target + 100, copy, sizeof(copy));
	assert_true(content_is_zero(target + 3 * page, 6 * page));
	assert_false(os_is_mapped(block));
	assert_int_equal(os_move(block, page, target, page), OS_REMAP_NOT_THIS);
	/* Three areas, of which the kernel moves none. */
	char *other = os_map(9 * page);
	mprotect(target + 4 * page, page, PROT_READ);
	assert_int_equal(os_move(target, 8 * page, other, 9 * page), OS_REMAP_NOT_THIS);
	assert_memory_equal(target + 100, copy, sizeof(copy));
	/* The target lies in what is to be moved. */
	assert_int_equal(os_move(target, 2 * page, target + page, 2 * page), OS_REMAP_NEVER);
	assert_memory_equal(target + 100, copy, sizeof(copy));
}

static void the_break_moves_and_errno_does_not(void **state)
{
	(void)state;
	errno = 55;
	uintptr_t now = os_brk_now();
	assert_int_equal(now, (uintptr_t)sbrk(0));
	assert_int_equal(os_brk_raise(10000), now);
	assert_int_equal(os_brk_now(), now + 10000);
	assert_true(content_is_zero((void *)now, 10000));
	memset((void *)now, 1, 10000);
	assert_false(os_brk_lower(now + 20000, 10000));
	assert_true(os_brk_lower(now + 10000, 10000));
	assert_int_equal(os_brk_now(), now);
	struct rlimit none = {0, RLIM_INFINITY};
	setrlimit(RLIMIT_DATA, &none);
	assert_int_equal(os_brk_raise(1 << 20), 0);
	assert_int_equal(os_brk_now(), now);
	assert_int_equal(errno, 55);
}

static uint64_t coarse_us(void)
{
	struct timespec now;
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The clock goes on in steps; one that stands still is found by the test's alarm. */
static void wait_for_later_than(uint64_t us)
{
	while (os_clock_us() <= us)
		usleep(1000);
}

static void the_clock_goes_on(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		uint64_t before = coarse_us();
		uint64_t now = os_clock_us();
		assert_in_range(now, before, coarse_us());
		wait_for_later_than(now);
	}
}

/* A sandbox may end a program that makes a call which glibc's malloc never makes. */
static void the_clock_makes_no_system_call(void **state)
{
	(void)state;
	uint64_t before = os_clock_us();
	refuse_system_call(SYS_clock_gettime, EPERM);
	wait_for_later_than(before);
}

/* The advice is that of the area: the kernel's list of them tells. Unknown where it has no huge pages. */
static void huge_pages_are_advised(void **state)
{
	(void)state;
	size_t bytes = 4 << 20;
	char *block = os_map_aligned(bytes, bytes / 2);
	assert_non_null(block);
	if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) {
		assert_int_equal(os_advise_huge(block, bytes, OS_HUGE), OS_ADVICE_UNKNOWN);
		return;
	}
	assert_int_equal(os_advise_huge(block, bytes, OS_HUGE), OS_ADVISED);
	assert_true(area_has_flag(block, "hg"));
	assert_int_equal(os_advise_huge(block, bytes, OS_HUGE_NOT), OS_ADVISED);
	assert_false(area_has_flag(block, "hg"));
	assert_true(area_has_flag(block, "nh"));
	os_unmap(block, bytes);
	assert_int_equal(os_advise_huge(block, bytes, OS_HUGE), OS_ADVICE_FAILED);
}

UNIT_MAIN(UNIT(the_page_size_is_the_systems), UNIT(mappings_are_zero_and_go_away),
	  UNIT(what_faults_is_not_readable), UNIT(what_is_unmapped_meanwhile_can_be_read),
	  UNIT(impossible_lengths_are_refused), UNIT(aligned_mappings_have_no_edges), UNIT(private_mappings_have_guards), UNIT(purged_pages_read_as_zeros),
	  UNIT(mappings_are_resized_and_moved), UNIT(the_break_moves_and_errno_does_not),
	  UNIT(the_clock_goes_on), UNIT(the_clock_makes_no_system_call), UNIT(huge_pages_are_advised))
