/*
 * low.c - os/low.c: the place below 4 GiB, in a low memory that the test has filled and makes holes in.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "os/low.h"
#include "os/map.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define END (UINT64_C(1) << 32)
#define MIB ((size_t)1 << 20)

/* What was the longest gap: all tests make their holes in it. */
static char *filled;
static size_t filled_bytes;
static size_t page;

static void fill_gap(uint64_t start, uint64_t end)
{
	if (end <= start)
		return;
	void *made = mmap((void *)start, end - start, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE,
			  -1, 0);
	assert_ptr_equal(made, (void *)start);
	if (end - start <= filled_bytes)
		return;
	filled = made;
	filled_bytes = end - start;
}

/* From here on no page from 1 MiB to 4 GiB is free. */
static void fill(void)
{
	static uint64_t gaps[20000][2];
	size_t count = 0;
	uint64_t start, end, free_from = MIB;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (free_from < END && fscanf(maps, "%" SCNx64 "-%" SCNx64 "%*[^\n]", &start, &end) == 2) {
		gaps[count][0] = free_from;
		gaps[count++][1] = size_min(start, END);
		free_from = size_max(free_from, end);
	}
	fclose(maps);
	while (count-- > 0)
		fill_gap(gaps[count][0], gaps[count][1]);
	page = os_page_size();
	assert_true(filled_bytes > 512 * MIB);
	filled = (char *)round_up((uintptr_t)filled, 8 * MIB);
}

static void make_hole(char *at, size_t bytes) { assert_int_equal(munmap(at, bytes), 0); }

/* Of `bytes` and no less. */
static char *map_low(size_t bytes, size_t alignment)
{
	size_t got = bytes;
	char *block = os_map_low(&got, bytes, alignment);
	check(block == NULL || got == bytes);
	return block;
}

static void low_mappings_fit_32_bits(void **state)
{
	(void)state;
	char *first = map_low(MIB, MIB);
	char *second = map_low(3 * MIB, 4 * MIB);
	assert_true(first != NULL && second != NULL);
	assert_true((uintptr_t)first + MIB <= END && (uintptr_t)first % MIB == 0);
	assert_true((uintptr_t)second + 3 * MIB <= END && (uintptr_t)second % (4 * MIB) == 0);
	assert_true(second + 3 * MIB <= first || first + MIB <= second);
	assert_true(content_is_zero(second, 3 * MIB));
	os_unmap(first, MIB);
	assert_ptr_equal(map_low(MIB, MIB), first);
	assert_null(map_low(SIZE_MAX / 2, 4096));
	assert_null(map_low(END, 4096));
	assert_null(map_low(4096, END));
}

static void a_hole_in_full_memory_is_found(void **state)
{
	(void)state;
	fill();
	assert_null(map_low(page, page));
	errno = 77;
	for (size_t bytes = page; bytes <= 64 * MIB; bytes *= 4) {
		char *hole = filled + 64 * MIB - page;
		make_hole(hole, bytes);
		assert_null(map_low(bytes + page, page));
		assert_ptr_equal(map_low(bytes, page), hole);
		content_write(hole, bytes, 1);
		assert_null(map_low(page, page));
	}
	assert_int_equal(errno, 77);
}

static void the_highest_hole_that_fits_is_taken_at_its_end(void **state)
{
	(void)state;
	fill();
	make_hole(filled + 1 * MIB, 10 * page);
	make_hole(filled + 2 * MIB, 10 * page);
	make_hole(filled + 3 * MIB, 4 * page);
	assert_ptr_equal(map_low(5 * page, page), filled + 2 * MIB + 5 * page);
	assert_ptr_equal(map_low(3 * page, page), filled + 3 * MIB + page);
	assert_ptr_equal(map_low(8 * page, page), filled + 1 * MIB + 2 * page);
	assert_null(map_low(8 * page, page));
}

static void long_ones_begin_at_4_mib(void **state)
{
	(void)state;
	fill();
	make_hole(filled, 16 * MIB - page);
	assert_ptr_equal(map_low(4 * MIB, page), filled + 8 * MIB);
	make_hole(filled + 8 * MIB, 4 * MIB);
	assert_ptr_equal(map_low(6 * MIB, MIB), filled + 8 * MIB);
	assert_ptr_equal(map_low(4 * MIB + page, 2 * page), filled);
	/* No aligned place has so much room. */
	make_hole(filled + 17 * MIB, 6 * MIB);
	assert_ptr_equal(map_low(5 * MIB, page), filled + 18 * MIB);
}

/* Where no hole is long enough, the longest one is taken, if it has the least length asked for. */
static void less_is_taken_where_there_is_no_more(void **state)
{
	(void)state;
	fill();
	make_hole(filled + 1 * MIB, 7 * page);
	make_hole(filled + 2 * MIB, 6 * page);
	size_t bytes = 100 * page;
	assert_ptr_equal(os_map_low(&bytes, 3 * page, page), filled + 1 * MIB);
	assert_int_equal(bytes, 7 * page);
	bytes = 100 * page;
	assert_ptr_equal(os_map_low(&bytes, 4 * page, 4 * page), filled + 2 * MIB);
	assert_int_equal(bytes, 6 * page);
	bytes = 100 * page;
	assert_null(os_map_low(&bytes, page, page));
	refuse_system_call(SYS_mmap, ENOMEM);
	make_hole(filled + 1 * MIB, 7 * page);
	assert_null(os_map_low(&bytes, page, page));
}

/* A hole of twice the alignment less one page, one page beside a multiple, has room for one aligned block. */
static void every_alignment_is_kept(void **state)
{
	(void)state;
	fill();
	for (size_t alignment = 2 * page; alignment <= 4 * MIB; alignment *= 2) {
		make_hole(filled + page, 2 * alignment - 2 * page);
		assert_null(map_low(alignment, alignment));
		make_hole(filled + 2 * alignment - page, page);
		assert_ptr_equal(map_low(alignment, alignment), filled + alignment);
		/* What is left before it. */
		assert_ptr_equal(map_low(alignment - page, page), filled + page);
		assert_null(map_low(page, page));
	}
	/* Many higher holes are long enough, but not aligned. */
	make_hole(filled + 64 * page, 4 * page);
	for (size_t i = 1; i < 100; i++)
		make_hole(filled + i * MIB + page, 6 * page);
	assert_ptr_equal(map_low(4 * page, 4 * page), filled + 64 * page);
}

enum { AREAS = 30000 };

static void holes_are_found_among_30000(void **state)
{
	(void)state;
	fill();
	for (size_t i = 0; i < AREAS; i++)
		make_hole(filled + 2 * i * page, page);
	assert_null(map_low(2 * page, page));
	assert_ptr_equal(map_low(page, page), filled + 2 * (AREAS - 1) * page);
	/* Four pages free, the first of them at a multiple of two. */
	char *hole = filled + 2 * (AREAS / 3) * page;
	make_hole(hole + page, page);
	make_hole(hole + 3 * page, page);
	assert_null(map_low(6 * page, page));
	assert_ptr_equal(map_low(4 * page, 2 * page), hole);
}

/* Names that are longer than the buffer, together, and of any bytes. */
static void names_do_not_matter(void **state)
{
	(void)state;
	fill();
	char name[240];
	memset(name, '\xe9', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < 100; i++) {
		int file = memfd_create(name, MFD_CLOEXEC);
		assert_int_equal(ftruncate(file, (off_t)page), 0);
		assert_true(mmap(filled + 2 * i * page, page, PROT_READ, MAP_SHARED | MAP_FIXED, file, 0) != MAP_FAILED);
		close(file);
	}
	make_hole(filled + 201 * page, 3 * page);
	assert_ptr_equal(map_low(3 * page, page), filled + 201 * page);
}

/* No descriptor is left for the list: whole steps are found, and a full memory is refused. */
static void without_the_list_steps_are_tried(void **state)
{
	(void)state;
	refuse_system_call(SYS_openat, EMFILE);
	char *blocks[100];
	for (size_t i = 0; i < 100; i++) {
		size_t bytes = 4 * MIB;
		blocks[i] = os_map_low(&bytes, page, page);
		assert_true(blocks[i] != NULL && (uintptr_t)blocks[i] + 4 * MIB <= END);
		assert_int_equal(bytes, 4 * MIB);
		content_write(blocks[i], 3 * 4096, i);
	}
	for (size_t i = 0; i < 100; i++)
		assert_true(content_is(blocks[i], 3 * 4096, i));
	assert_non_null(map_low(100 * MIB, 4 * MIB));
}

static void without_the_list_full_memory_is_refused(void **state)
{
	(void)state;
	fill();
	refuse_system_call(SYS_openat, ENOENT);
	assert_null(map_low(page, page));
	make_hole((char *)round_up((uintptr_t)filled, 4 * MIB), 4 * MIB);
	assert_ptr_equal(map_low(4 * MIB, 4 * MIB), (char *)round_up((uintptr_t)filled, 4 * MIB));
	assert_null(map_low(4 * MIB, page));
}

static char *hole_found;
static void *find_hole(void *unused)
{
	(void)unused;
	usleep(10000);
	hole_found = map_low(page, page);
	_exit(hole_found == filled + page ? 0 : 1);
}

/* The process lives on in its other threads. */
static void the_first_thread_may_have_ended(void **state)
{
	(void)state;
	int status;
	pthread_t thread;
	fill();
	make_hole(filled + page, page);
	pid_t child = fork();
	if (child == 0) {
		pthread_create(&thread, NULL, find_hole, NULL);
		pthread_exit(NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* From now on the list of mappings reads so. Only root may hide the true one. */
static void write_list(const char *text)
{
	char path[] = "/tmp/libmalloc-list-XXXXXX";
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		skip();
	int file = mkstemp(path);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
	assert_int_equal(mount(path, "/proc/self/maps", NULL, MS_BIND, NULL), 0);
	unlink(path);
}

/* Something in the way of a stack would end the program when it grows. */
static void below_a_stack_there_stays_room(void **state)
{
	(void)state;
	fill();
	char *stack = filled + 256 * MIB, text[300];
	make_hole(stack - 200 * MIB, 200 * MIB);
	snprintf(text, sizeof(text), "%zx-%zx rw-p 00000000 00:00 0\n%zx-%zx rw-p 00000000 00:00 0   [stack]\n%zx-%zx rw-p\n", MIB,
		 (size_t)stack - 200 * MIB, (size_t)stack, (size_t)stack + MIB, (size_t)stack + MIB, (size_t)2 * END);
	write_list(text);
	assert_ptr_equal(map_low(MIB, MIB), stack - 129 * MIB);
	assert_null(map_low(73 * MIB, page));
}

/* The list is wrong about the only gap: what it names is not free. */
static void a_list_that_is_wrong_does_no_harm(void **state)
{
	(void)state;
	fill();
	char *hole = filled + 16 * MIB, text[200];
	make_hole(hole, 4 * MIB);
	snprintf(text, sizeof(text), "%zx-%zx rw-p 00000000 00:00 0\n%zx-%zx rw-p\n", MIB, (size_t)filled, (size_t)filled + MIB,
		 (size_t)2 * END);
	write_list(text);
	assert_ptr_equal(map_low(page, page), hole);
}

/* A line that ends in the middle: it would hide the hole. So places are tried as if there was no list. */
static void a_list_that_ends_early_is_not_believed(void **state)
{
	(void)state;
	fill();
	char *hole = filled + 16 * MIB;
	make_hole(hole, 4 * MIB);
	char text[100];
	snprintf(text, sizeof(text), "%zx-%zx rw-p 00000000", MIB, (size_t)filled);
	write_list(text);
	assert_ptr_equal(map_low(3 * page, page), hole);
}

enum { THREADS = 2, ROUNDS = 1000, KEPT = 8 };
static _Atomic size_t full, done;

static char *map_page(unsigned index)
{
	char *block = map_low(page, page);
	if (block == NULL)
		return NULL;
	check(content_is_zero(block, 64));
	content_write(block, 64, index);
	return block;
}

/*
 * While no thread unmaps, a page that stays free to the end is seen as a gap, so each search succeeds: another thread is
 * faster at most KEPT times, fewer than os_map_low tries.
 */
static void fill_up(char **kept, unsigned index)
{
	for (size_t i = 0; i < KEPT; i++)
		check(kept[i] != NULL || (kept[i] = map_page(index)) != NULL);
}

static void map_and_unmap(unsigned index)
{
	char *kept[KEPT] = {NULL};
	struct random random = random_start(index);
	fill_up(kept, index);
	full++;
	unit_meet(&full, THREADS);
	for (size_t i = 0; i < unit_rounds(ROUNDS); i++) {
		char **block = &kept[random_below(&random, KEPT)];
		if (*block != NULL) {
			check(content_is(*block, 64, index));
			os_unmap(*block, page);
		}
		/* NULL if the other thread's steps hid the gap. */
		*block = map_page(index);
	}
	done++;
	unit_meet(&done, THREADS);
	fill_up(kept, index);
	for (size_t i = 0; i < KEPT; i++)
		check(content_is(kept[i], 64, index));
}

/* There is room for all threads, and all of them want the highest page. */
static void threads_get_different_places(void **state)
{
	(void)state;
	fill();
	make_hole(filled + page, THREADS * KEPT * page);
	unit_threads(THREADS, map_and_unmap);
	assert_null(map_low(page, page));
}

UNIT_MAIN(UNIT(low_mappings_fit_32_bits), UNIT(a_hole_in_full_memory_is_found),
	  UNIT(the_highest_hole_that_fits_is_taken_at_its_end), UNIT(long_ones_begin_at_4_mib), UNIT(less_is_taken_where_there_is_no_more),
	  UNIT(every_alignment_is_kept), UNIT(holes_are_found_among_30000), UNIT(names_do_not_matter),
	  UNIT(without_the_list_steps_are_tried),
	  UNIT(without_the_list_full_memory_is_refused), UNIT(the_first_thread_may_have_ended),
	  UNIT(below_a_stack_there_stays_room), UNIT(a_list_that_is_wrong_does_no_harm),
	  UNIT(a_list_that_ends_early_is_not_believed), UNIT(threads_get_different_places))
