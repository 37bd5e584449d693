/*
 * percpu.c - ext/percpu: slots that do not overlap and begin zeroed, and sums that lose nothing while threads are moved,
 * interrupted, or unknown to the C library.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "ext/percpu_chunk.h"
#include "ext/percpu_module.h"
#include "base/bits.h"
#include "libmalloc/percpu.h"
#include "os/cpu.h"
#include "os/rseq.h"
#include "page/meta.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

LM_DEFINE_PER_CPU(int64_t, counter);
LM_DEFINE_PER_CPU(int, level) = 3;
static LM_DEFINE_PER_CPU(char[20], text) = "per CPU";
LM_DEFINE_PER_CPU(struct { _Alignas(256) int value; }, aligned);

static void cpus_are_those_of_the_system(void **state)
{
	(void)state;
	assert_int_equal(lm_percpu_cpus(), sysconf(_SC_NPROCESSORS_CONF));
	assert_int_equal(lm_percpu_cpus(), os_cpu_count());
	assert_true(lm_percpu_cpu() < lm_percpu_cpus());
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one) != 0)
			continue;
		assert_int_equal(lm_percpu_cpu(), cpu);
		assert_int_equal(os_cpu_now(), cpu);
		assert_ptr_equal(lm_percpu_this(&counter), lm_percpu_ptr(&counter, (unsigned)cpu));
	}
}

static void without_sysfs_the_mask_counts(void **state)
{
	(void)state;
	refuse_system_call(SYS_openat, ENOENT);
	unsigned count = os_cpu_count();
	assert_true(count >= 1 && count <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

/* A random model: what is allocated, with what it holds. */
enum { PLACES = 200, STEPS = 4000 };

struct held {
	char *percpu; /* NULL: none */
	size_t bytes;
	uint64_t tag;
};

static size_t random_bytes(struct random *random)
{
	switch (random_below(random, 20)) {
	case 0:
		return 1 + random_below(random, LM_PERCPU_SIZE_MAX);
	case 1:
		return 1 + random_below(random, 4000);
	default:
		return 1 + random_below(random, 100);
	}
}

static bool slots_are(const struct held *held, bool (*is)(const void *, size_t, uint64_t))
{
	unsigned cpu;
	lm_percpu_for_each(cpu)
		if (!is(lm_percpu_ptr(held->percpu, cpu), held->bytes, held->tag + cpu))
			return false;
	return true;
}

static bool is_zero(const void *slot, size_t bytes, uint64_t tag)
{
	(void)tag;
	return content_is_zero(slot, bytes);
}

static void take(struct random *random, struct held *held)
{
	size_t align = random_one_in(random, 3) ? (size_t)1 << random_below(random, 13) : 0;
	unsigned cpu;
	held->bytes = random_bytes(random);
	held->tag = random_next(random);
	held->percpu = lm_percpu_alloc(held->bytes, align);
	check(held->percpu != NULL);
	check((uintptr_t)lm_percpu_ptr(held->percpu, 0) % (align == 0 ? 16 : align) == 0);
	check(slots_are(held, is_zero));
	check(lm_percpu_sum((int64_t *)held->percpu) == 0 || held->bytes < 8);
	lm_percpu_for_each(cpu)
		content_write(lm_percpu_ptr(held->percpu, cpu), held->bytes, held->tag + cpu);
}

static void give_back(struct held *held)
{
	check(slots_are(held, content_is));
	lm_percpu_free(held->percpu);
	held->percpu = NULL;
}

static void slots_keep_their_contents(void **state)
{
	(void)state;
	static struct held held[PLACES];
	struct random random = random_start(11);
	for (size_t i = 0; i < unit_rounds(STEPS); i++) {
		struct held *one = &held[random_below(&random, PLACES)];
		if (one->percpu == NULL)
			take(&random, one);
		else
			give_back(one);
		if (i % 100 == 0)
			percpu_check();
	}
	size_t most = percpu_check().dirty_chunks;
	for (size_t i = 0; i < PLACES; i++)
		if (held[i].percpu != NULL)
			give_back(&held[i]);
	struct percpu_counts left = percpu_check();
	assert_true(most > 2);
	/* The static variables' chunk, and one that is empty. */
	assert_true(left.dirty_chunks <= 2);
	assert_true(left.chunks >= most);
}

/* Each hole has just the length that is asked for: whether it fits depends on its alignment. */
static void holes_are_used_again(void **state)
{
	(void)state;
	static void *percpu[20000];
	enum { COUNT = sizeof(percpu) / sizeof(percpu[0]) };
	for (int i = 0; i < COUNT; i++)
		percpu[i] = lm_percpu_alloc(16, 0);
	struct percpu_counts full = percpu_check();
	for (int i = 0; i < COUNT; i += 2)
		lm_percpu_free(percpu[i]);
	for (int i = 0; i < COUNT; i += 2)
		percpu[i] = lm_percpu_alloc(16, 0);
	struct percpu_counts again = percpu_check();
	assert_int_equal(again.chunks, full.chunks);
	assert_int_equal(again.taken_granules, full.taken_granules);
}

/* Takes all that the chunk with room has left: what is taken next begins a chunk, which is empty. */
static void fill_chunk(void)
{
	uintptr_t first = (uintptr_t)lm_percpu_ptr(lm_percpu_alloc(8, 8), 0);
	void *percpu;
	while ((uintptr_t)lm_percpu_ptr(percpu = lm_percpu_alloc(8, 8), 0) / PERCPU_STRIDE == first / PERCPU_STRIDE)
		continue;
	lm_percpu_free(percpu);
}

/* A hole that is a granule too short for one request serves the next, shorter one. */
static void shorter_holes_are_not_forgotten(void **state)
{
	(void)state;
	void *percpu[4];
	fill_chunk();
	for (int i = 0; i < 4; i++)
		percpu[i] = lm_percpu_alloc(i == 0 ? 16 : i == 2 ? 24 : 8, 8);
	fill_chunk();
	check(lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 8) != NULL && lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 8) != NULL);
	void *short_hole = lm_percpu_ptr(percpu[0], 0);
	void *long_hole = lm_percpu_ptr(percpu[2], 0);
	lm_percpu_free(percpu[0]);
	lm_percpu_free(percpu[2]);
	assert_ptr_equal(lm_percpu_ptr(lm_percpu_alloc(24, 8), 0), long_hole);
	percpu_check();
	assert_ptr_equal(lm_percpu_ptr(lm_percpu_alloc(16, 8), 0), short_hole);
}

/* The last of its chunk comes and goes. */
static void one_empty_chunk_is_kept_as_it_is(void **state)
{
	(void)state;
	void *percpu[6];
	for (int i = 0; i < 6; i++)
		percpu[i] = lm_percpu_alloc(LM_PERCPU_SIZE_MAX, LM_PERCPU_ALIGN_MAX);
	for (int i = 0; i < 6; i++)
		lm_percpu_free(percpu[i]);
	forbid_system_call(SYS_madvise);
	forbid_system_call(SYS_munmap);
	forbid_system_call(SYS_mmap);
	for (int i = 0; i < 10; i++) {
		percpu[0] = lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 0);
		lm_percpu_free(percpu[0]);
	}
}

static void requests_that_cannot_be_are_einval(void **state)
{
	(void)state;
	static const size_t bad[][2] = {{0, 0}, {LM_PERCPU_SIZE_MAX + 1, 0}, {SIZE_MAX, 8}, {8, 3}, {8, 8192}, {8, 24}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		assert_null(lm_percpu_alloc(bad[i][0], bad[i][1]));
		assert_int_equal(errno, EINVAL);
	}
	assert_non_null(lm_percpu_alloc(LM_PERCPU_SIZE_MAX, LM_PERCPU_ALIGN_MAX));
	lm_percpu_free(NULL);
}

static void running_out_loses_nothing(void **state)
{
	(void)state;
	void *places[400];
	size_t count = 0;
	refuse_system_call(SYS_mmap, ENOMEM);
	while ((places[count] = lm_percpu_alloc(4096, 0)) != NULL)
		check(++count < 400);
	assert_int_equal(errno, ENOMEM);
	struct percpu_counts before = percpu_check();
	size_t meta = meta_mapped_bytes();
	for (int i = 0; i < 1000; i++)
		assert_null(lm_percpu_alloc(4096, 0));
	assert_int_equal(percpu_check().taken_granules, before.taken_granules);
	assert_int_equal(meta_mapped_bytes(), meta);
	lm_percpu_free(places[--count]);
	assert_non_null(lm_percpu_alloc(4096, 0));
}

static void without_a_descriptor_nothing_is_mapped(void **state)
{
	(void)state;
	refuse_system_call(SYS_mmap, ENOMEM);
	while (meta_alloc(META_MAX_BYTES) != NULL)
		continue;
	while (meta_alloc(64) != NULL)
		continue;
	while (lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 0) != NULL)
		continue;
	assert_int_equal(errno, ENOMEM);
	percpu_check();
}

static void free_bad(void *percpu) { lm_percpu_free(percpu); }
static void add_bad(void *percpu) { lm_percpu_add(percpu, 1); }
static void add32_bad(void *percpu) { lm_percpu_add32(percpu, 1); }
static void xchg_bad(void *percpu) { lm_percpu_xchg(percpu, 1); }
static void xchg32_bad(void *percpu) { lm_percpu_xchg32(percpu, 1); }
static void sum_bad(void *percpu) { lm_percpu_sum(percpu); }
static void sum32_bad(void *percpu) { lm_percpu_sum32(percpu); }
static void ptr_bad(void *percpu) { lm_percpu_ptr(percpu, 0); }
static void this_bad(void *percpu) { check(lm_percpu_this(percpu) != NULL); }

/* The library's functions, which are called through pointers: else it is the header's code, where there is some. */
static void (*const volatile library_add)(int64_t *percpu, int64_t amount) = lm_percpu_add;
static void (*const volatile library_add32)(int32_t *percpu, int32_t amount) = lm_percpu_add32;
static void *(*const volatile library_this)(const void *percpu) = lm_percpu_this;
static void library_add_bad(void *percpu) { library_add(percpu, 1); }
static void library_add32_bad(void *percpu) { library_add32(percpu, 1); }
static void library_this_bad(void *percpu) { library_this(percpu); }

/* Each call but lm_percpu_free. */
static const struct use {
	void (*body)(void *);
	const char *function;
	bool is_inline; /* it reads the key of any pointer */
} uses[] = {
	{add_bad, "lm_percpu_add", true},   {add32_bad, "lm_percpu_add32", true},
	{this_bad, "lm_percpu_this", true}, {library_add_bad, "lm_percpu_add", false},
	{xchg_bad, "lm_percpu_xchg", false}, {library_add32_bad, "lm_percpu_add32", false},
	{sum_bad, "lm_percpu_sum", false},  {library_this_bad, "lm_percpu_this", false},
	{ptr_bad, "lm_percpu_ptr", false},  {xchg32_bad, "lm_percpu_xchg32", false},
	{sum32_bad, "lm_percpu_sum32", false},
};

enum { USES = sizeof(uses) / sizeof(uses[0]) };

static void expect(void (*body)(void *), void *percpu, const char *kind, const char *function)
{
	char line[100];
	snprintf(line, sizeof(line), "libmalloc: %s: %p (%s)", kind, percpu, function);
	unit_expect_abort(body, percpu, line);
}

static void bad_pointers_are_reported(void **state)
{
	(void)state;
	char *percpu = lm_percpu_alloc(100, 0);
	char *freed = lm_percpu_alloc(100, 0);
	int on_stack = 0;
	lm_percpu_free(freed);
	expect(free_bad, freed, "double free", "lm_percpu_free");
	expect(free_bad, freed + 16, "double free", "lm_percpu_free");
	expect(free_bad, percpu + 16, "interior pointer", "lm_percpu_free");
	expect(free_bad, percpu + 1, "misaligned pointer", "lm_percpu_free");
	expect(free_bad, percpu + 40000, "per-CPU pointer outside of its slots", "lm_percpu_free");
	expect(free_bad, percpu + (1 << 30), "pointer never allocated", "lm_percpu_free");
	expect(free_bad, &counter, "pointer never allocated", "lm_percpu_free");
	expect(free_bad, &on_stack, "pointer never allocated", "lm_percpu_free");
	for (size_t i = 0; i < USES; i++) {
		expect(uses[i].body, &on_stack, "pointer never allocated", uses[i].function);
		expect(uses[i].body, percpu + 104, "per-CPU pointer outside of its slots", uses[i].function);
		if (!uses[i].is_inline)
			expect(uses[i].body, percpu + (1 << 30), "pointer never allocated", uses[i].function);
	}
	lm_percpu_free(percpu);
}

/* Each call, with `freed` or what is further: a field, an odd address, the last element, in turn. */
static void freed_is_found(char *freed)
{
	static const size_t offsets[] = {0, 4, 53, 96};
	static size_t turn;
	turn++;
	for (size_t i = 0; i < USES; i++)
		expect(uses[i].body, freed + offsets[(turn + i) % 4], "per-CPU pointer already freed", uses[i].function);
	expect(free_bad, freed, "double free", "lm_percpu_free");
}

/* Each call with each of these. */
static void freed_is_found_everywhere(char *freed)
{
	for (int i = 0; i < 4; i++)
		freed_is_found(freed);
}

static void freed_pointers_are_found_in_each_call(void **state)
{
	(void)state;
	char *kept = lm_percpu_alloc(8, 8);
	char *freed = lm_percpu_alloc(100, 8);
	lm_percpu_add(&counter, 0); /* the header's code knows the area from here on */
	lm_percpu_free(freed);
	freed_is_found_everywhere(freed);
	/* The place is allocated again, as a whole or in parts: the old pointer must not reach it. */
	char *next = lm_percpu_alloc(100, 8);
	assert_ptr_equal(lm_percpu_ptr(next, 0), (void *)percpu_place((uintptr_t)freed));
	freed_is_found_everywhere(freed);
	lm_percpu_free(next);
	int64_t *some[13];
	for (int i = 0; i < 13; i++)
		some[i] = lm_percpu_alloc(8, 8);
	freed_is_found(freed);
	freed_is_found(next);
	for (int i = 0; i < 13; i++)
		assert_true(lm_percpu_sum(some[i]) == 0);
	lm_percpu_free(kept);
	percpu_check();
}

/* All of its chunk is free, and the frames have gone back. */
static void freed_pointers_are_found_in_an_empty_chunk(void **state)
{
	(void)state;
	char *percpu[6];
	for (int i = 0; i < 6; i++)
		percpu[i] = lm_percpu_alloc(LM_PERCPU_SIZE_MAX, LM_PERCPU_ALIGN_MAX);
	for (int i = 0; i < 6; i++) {
		memset(lm_percpu_ptr(percpu[i], 0), 1, LM_PERCPU_SIZE_MAX);
		lm_percpu_free(percpu[i]);
	}
	for (int i = 0; i < 6; i++)
		freed_is_found(percpu[i]);
	assert_true(percpu_check().dirty_chunks <= 2);
	for (int i = 0; i < 6; i++)
		assert_true(content_is_zero(lm_percpu_ptr(lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 0), 0), LM_PERCPU_SIZE_MAX));
}

/* Static variables take what was a dynamic pointer's. */
static void freed_pointers_are_found_under_static_variables(void **state)
{
	(void)state;
	static char section[4096 + 56] __attribute__((aligned(4096)));
	static struct lm_percpu_here here;
	char *freed = lm_percpu_alloc(sizeof(section), 4096);
	lm_percpu_free(freed);
	lm_percpu_module_open(section, section + sizeof(section), &here);
	assert_ptr_equal(lm_percpu_ptr(section, 0), (void *)percpu_place((uintptr_t)freed));
	freed_is_found(freed);
	percpu_check();
}

/* Every pointer to one place differs from the last 32766 to it; then they come round. */
static void generations_come_round(void **state)
{
	(void)state;
	char *first = lm_percpu_alloc(100, 0);
	char *last = first;
	for (int i = 1; i < PERCPU_GENERATIONS; i++) {
		lm_percpu_free(last);
		last = lm_percpu_alloc(100, 0);
		check((intptr_t)last < 0 && last != first);
		check(lm_percpu_ptr(last, 0) == (void *)percpu_place((uintptr_t)first));
		lm_percpu_add((int64_t *)last, 1);
		if (i % 8192 == 0)
			freed_is_found(first);
	}
	freed_is_found(first);
	lm_percpu_free(last);
	assert_ptr_equal(lm_percpu_alloc(100, 0), first);
	assert_true(lm_percpu_sum((int64_t *)first) == 0);
}

static void static_variables_begin_with_their_values(void **state)
{
	(void)state;
	unsigned cpu;
	lm_percpu_for_each(cpu) {
		assert_int_equal(*(int64_t *)lm_percpu_ptr(&counter, cpu), 0);
		assert_int_equal(*(int *)lm_percpu_ptr(&level, cpu), 3);
		assert_string_equal(lm_percpu_ptr(text, cpu), "per CPU");
		assert_int_equal((uintptr_t)lm_percpu_ptr(&aligned, cpu) % 256, 0);
		*(int *)lm_percpu_ptr(&level, cpu) += (int)cpu;
	}
	int cpus = (int)lm_percpu_cpus();
	assert_int_equal(lm_percpu_sum32(&level), 3 * cpus + cpus * (cpus - 1) / 2);
	assert_int_equal(level, 3);
	int was = *(int *)lm_percpu_this(&level);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(lm_percpu_cpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	was = *(int *)lm_percpu_this(&level);
	lm_percpu_add32(&level, -1);
	assert_int_equal(lm_percpu_xchg32(&level, 100), was - 1);
	assert_int_equal(*(int *)lm_percpu_this(&level), 100);
	assert_int_equal(lm_percpu_xchg(&counter, -5), 0);
	assert_int_equal(lm_percpu_xchg(&counter, 7), -5);
	lm_percpu_add(&counter, INT64_C(1) << 40);
	assert_true(lm_percpu_sum(&counter) == (INT64_C(1) << 40) + 7);
}

/* Modules come and go: what dlopen and dlclose would do, on sections of our own making. */
static struct lm_percpu_here other_here;

enum { MODULES = 40, SECTION_BYTES = 200 };

static char *section_map(char *at, int value)
{
	char *section = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);
	check(section != MAP_FAILED);
	memset(section + 8, value, SECTION_BYTES);
	lm_percpu_module_open(section + 8, section + 8 + SECTION_BYTES, &other_here);
	return section + 8;
}

static void section_unmap(char *section)
{
	lm_percpu_module_close(section);
	munmap(section - 8, 4096);
}

static void check_section(char *section, char value)
{
	unsigned cpu;
	lm_percpu_for_each(cpu) {
		char *slot = lm_percpu_ptr(section, cpu);
		check(slot[0] == value && slot[SECTION_BYTES - 1] == value);
		check((uintptr_t)slot % 4096 == (uintptr_t)section % 4096);
		check((char *)lm_percpu_ptr(section + 50, cpu) == slot + 50);
	}
}

static void modules_come_and_go(void **state)
{
	(void)state;
	char *sections[MODULES];
	size_t known = percpu_module_check();
	size_t taken = percpu_check().taken_granules;
	for (int i = 0; i < MODULES; i++)
		sections[i] = section_map(NULL, i + 1);
	lm_percpu_module_open(sections[3], sections[3] + SECTION_BYTES, &other_here);
	assert_int_equal(percpu_module_check(), known + MODULES);
	for (int i = 0; i < MODULES; i++) {
		check_section(sections[i], (char)(i + 1));
		memset(lm_percpu_ptr(sections[i], 0), 100, SECTION_BYTES);
	}
	/* Closed, as at exit: the variables are still there. Loaded again at the same place, they are new. */
	lm_percpu_module_close(sections[0]);
	assert_int_equal(*(char *)lm_percpu_ptr(sections[0], 0), 100);
	section_map(sections[0] - 8, 77);
	check_section(sections[0], 77);
	assert_int_equal(percpu_module_check(), known + MODULES);
	for (int i = 0; i < MODULES; i++)
		section_unmap(sections[i]);
	char *last = section_map(NULL, 9);
	assert_int_equal(percpu_module_check(), known + 1);
	assert_int_equal(percpu_check().taken_granules, taken + SECTION_BYTES / 8);
	/* A section that overlaps one which was never closed. */
	lm_percpu_module_open(last - 8, last + 24, &other_here);
	assert_int_equal(percpu_module_check(), known + 1);
}

static void open_too_large(void *section)
{
	lm_percpu_module_open(section, (char *)section + LM_PERCPU_STATIC_MAX + 1, &other_here);
}

static void open_without_memory(void *section)
{
	while (lm_percpu_alloc(LM_PERCPU_SIZE_MAX / 2, 0) == NULL)
		check(false);
	refuse_system_call(SYS_mmap, ENOMEM);
	while (lm_percpu_alloc(8, 8) != NULL)
		continue;
	lm_percpu_module_open(section, (char *)section + 64, &other_here);
}

static void a_module_that_cannot_be_served_ends_the_process(void **state)
{
	(void)state;
	static char section[LM_PERCPU_STATIC_MAX + 64];
	unit_expect_abort(open_too_large, section,
			  "libmalloc: static per-CPU variables of a module: more than LM_PERCPU_STATIC_MAX bytes");
	unit_expect_abort(open_without_memory, section, "libmalloc: static per-CPU variables of a module: out of memory");
}

/* A section of the greatest length may begin at any address. What lies beside it is no variable. */
static void a_section_may_begin_anywhere(void **state)
{
	(void)state;
	static char section[LM_PERCPU_STATIC_MAX + 64];
	for (size_t at = 17; at <= 24; at++) {
		char *first = section + at;
		memset(section, (int)at, sizeof(section));
		lm_percpu_module_open(first, first + LM_PERCPU_STATIC_MAX, &other_here);
		char *slot = lm_percpu_ptr(first, lm_percpu_cpus() - 1);
		check(slot[0] == (char)at && slot[LM_PERCPU_STATIC_MAX - 1] == (char)at);
		check((uintptr_t)slot % 4096 == (uintptr_t)first % 4096);
		expect(ptr_bad, first - 1, "pointer never allocated", "lm_percpu_ptr");
		expect(ptr_bad, first + LM_PERCPU_STATIC_MAX, "pointer never allocated", "lm_percpu_ptr");
		percpu_check();
		percpu_module_check();
	}
}

/* Threads count while one moves them about and sends them signals, whose handler counts too. */
enum { COUNTERS = 3, ADDS = 500000 };

static int64_t *dynamic;
static int32_t *narrow;

/* The header's code, or the library's function. */
static bool by_function;

static void add(int64_t *percpu, int64_t amount)
{
	if (by_function)
		library_add(percpu, amount);
	else
		lm_percpu_add(percpu, amount);
}

static void add32(int32_t *percpu, int32_t amount)
{
	if (by_function)
		library_add32(percpu, amount);
	else
		lm_percpu_add32(percpu, amount);
}

static _Atomic pid_t tids[COUNTERS];
static _Atomic unsigned counting;
static _Atomic int64_t in_handler;
static _Atomic int64_t exchanged;

static void on_signal(int number)
{
	(void)number;
	add(dynamic, 1000);
	add32(narrow, 5);
	add(&counter, 1);
	atomic_fetch_add_explicit(&in_handler, 1, memory_order_relaxed);
}

static void count(unsigned index)
{
	atomic_store_explicit(&tids[index], gettid(), memory_order_release);
	for (size_t i = 0; i < unit_rounds(ADDS); i++) {
		add(dynamic, index + 1);
		add32(narrow, -1);
		add(&counter, 1);
		if (i % 3 == 0)
			atomic_fetch_add_explicit(&exchanged, lm_percpu_xchg(&counter, 0), memory_order_relaxed);
	}
	/* A thread that counts fast is not done before it was interrupted. Whoever sends a signal must find the thread. */
	while (atomic_load_explicit(&in_handler, memory_order_relaxed) == 0)
		sched_yield();
	atomic_fetch_sub_explicit(&counting, 1, memory_order_release);
	while (atomic_load_explicit(&counting, memory_order_acquire) != 0)
		sched_yield();
}

static void move_about(void)
{
	struct random random = random_start(3);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	while (atomic_load_explicit(&counting, memory_order_acquire) != 0) {
		size_t which = random_below(&random, COUNTERS);
		pid_t tid = atomic_load_explicit(&tids[which], memory_order_acquire);
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(random_below(&random, (size_t)cpus), &one);
		if (tid != 0)
			sched_setaffinity(tid, sizeof(one), &one);
		if (tid != 0 && random_one_in(&random, 4) &&
		    atomic_load_explicit(&counting, memory_order_acquire) == COUNTERS)
			tgkill(getpid(), tid, SIGUSR1);
	}
}

static void count_or_move(unsigned index)
{
	if (index < COUNTERS)
		count(index);
	else
		move_about();
}

static void nothing_is_lost(void)
{
	signal(SIGUSR1, on_signal);
	dynamic = lm_percpu_alloc(sizeof(int64_t), 8);
	narrow = lm_percpu_alloc(sizeof(int32_t), 4);
	counting = COUNTERS;
	unit_threads(COUNTERS + 1, count_or_move);
	int64_t adds = (int64_t)unit_rounds(ADDS);
	check(lm_percpu_sum(dynamic) == adds * (1 + 2 + 3) + in_handler * 1000);
	check(lm_percpu_sum32(narrow) == (int32_t)(-adds * COUNTERS + in_handler * 5));
	check(lm_percpu_sum(&counter) + exchanged == adds * COUNTERS + in_handler);
}

static void threads_lose_no_addition_by_sequences(void **state)
{
	(void)state;
	if (rseq_area() == 0)
		skip();
	nothing_is_lost();
	by_function = true;
	in_handler = 0;
	exchanged = 0;
	lm_percpu_add(&counter, -lm_percpu_sum(&counter));
	nothing_is_lost();
	/* Each addition was made by a sequence: the unit for unknown CPUs was not used. */
	assert_int_equal(*(int64_t *)percpu_slot((uintptr_t)lm_percpu_ptr(dynamic, 0), lm_percpu_cpus()), 0);
}

static void threads_lose_no_addition_by_atomics(void **state)
{
	(void)state;
	lm_percpu_cpus();
	percpu_rseq_area = 0;
	nothing_is_lost();
}

/* The kernel forgets the thread's area, as where a filter refused to register it. */
static void unregister(void)
{
	void *area = (char *)__builtin_thread_pointer() + rseq_area();
	check(syscall(SYS_rseq, area, 32, 1, 0x53053053) == 0);
	check(rseq_cpu(rseq_area()) >= lm_percpu_cpus());
}

static void count_unknown(unsigned index)
{
	if (index == 1)
		unregister();
	count_or_move(index);
}

static void threads_without_an_area_lose_nothing(void **state)
{
	(void)state;
	if (rseq_area() == 0)
		skip();
	signal(SIGUSR1, on_signal);
	dynamic = lm_percpu_alloc(sizeof(int64_t), 8);
	narrow = lm_percpu_alloc(sizeof(int32_t), 4);
	counting = COUNTERS;
	unit_threads(COUNTERS + 1, count_unknown);
	int64_t adds = (int64_t)unit_rounds(ADDS);
	assert_true(lm_percpu_sum(dynamic) == adds * (1 + 2 + 3) + in_handler * 1000);
	assert_true(lm_percpu_sum(&counter) + exchanged == adds * COUNTERS + in_handler);
	int64_t *no_cpu = percpu_slot((uintptr_t)lm_percpu_ptr(dynamic, 0), lm_percpu_cpus());
	assert_true(*no_cpu >= adds * 2);
}

/*
 * Every instruction of an addition and of an exchange is interrupted in turn, by the CPU's trap flag, and the handler
 * does the worst: it moves the thread, and changes the counter. A sequence must not end on its old CPU, nor with what
 * it read before. A right one begins again at each trap, and does not end until there are no more: so many of them are
 * sure to lie inside. One that goes on is found out.
 */
enum { TRAP_FLAG = 0x100, INSTRUCTIONS = 100 };

static size_t steps_left;
static int64_t added_before_move; /* what the old CPU's slot held when the thread was moved */
static unsigned moved_from;
static int64_t taken_out;

static bool pin_to(unsigned cpu)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void on_step(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	if (--steps_left != 0)
		return;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	added_before_move = *(int64_t *)lm_percpu_ptr(dynamic, moved_from);
	taken_out += lm_percpu_xchg(&counter, 0);
	check(pin_to(1 - moved_from));
}

/* From here on each instruction ends in `handler`, until that or trap_none clears the flag. */
static void trap_each(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	sigaction(SIGTRAP, &action, NULL);
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");
}

static void trap_none(void)
{
	__asm__ volatile("pushfq; andq %0, (%%rsp); popfq" : : "i"(~TRAP_FLAG) : "memory", "cc");
}

static void add_interrupted_at(size_t instruction)
{
	check(pin_to(0));
	*(int64_t *)lm_percpu_ptr(dynamic, 0) = 0;
	*(int64_t *)lm_percpu_ptr(dynamic, 1) = 0;
	steps_left = instruction;
	trap_each(on_step);
	add(dynamic, 5);
	trap_none();
	check(steps_left == 0);
	check(lm_percpu_sum(dynamic) == 5);
	check(*(int64_t *)lm_percpu_ptr(dynamic, 1) == (added_before_move == 0 ? 5 : 0));
}

static void exchange_interrupted_at(size_t instruction)
{
	check(pin_to(0));
	*(int64_t *)lm_percpu_ptr(&counter, 0) = 40;
	*(int64_t *)lm_percpu_ptr(&counter, 1) = 7;
	taken_out = 0;
	steps_left = instruction;
	trap_each(on_step);
	int64_t before = lm_percpu_xchg(&counter, 100);
	trap_none();
	check(steps_left == 0);
	check(before + taken_out + lm_percpu_sum(&counter) == 147);
}

static void each_instruction_may_be_interrupted(void **state)
{
	(void)state;
	if (rseq_area() == 0 || sysconf(_SC_NPROCESSORS_ONLN) < 2 || !pin_to(1) || !pin_to(0))
		skip();
	dynamic = lm_percpu_alloc(sizeof(int64_t), 8);
	for (size_t at = 1; at <= INSTRUCTIONS; at++) {
		by_function = at % 2 == 0;
		add_interrupted_at(at / 2 + 1);
		exchange_interrupted_at(at);
	}
}

/*
 * What a call costs, in instructions: it must not grow with the number of places, of chunks or of holes. Some
 * calls are counted, by the trap flag; not with a sanitizer, whose own work would be counted too.
 */
enum {
	MANY = 200000,
	SAMPLE = 20011,
	MOST_INSTRUCTIONS = 100000, /* of one call: some searches of a bitmap; a walk over all would take millions */
	USUAL_INSTRUCTIONS = 5000,  /* of the calls of a phase, on average */
};

static void *many[MANY];
static size_t calls;
static size_t instructions;
static size_t counted;
static size_t counted_instructions;

static void on_instruction(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info, (void)context;
	instructions++;
}

static bool begin_count(void)
{
	instructions = 0;
	if (++calls % SAMPLE != 0)
		return false;
	trap_each(on_instruction);
	return true;
}

static void end_count(void)
{
	trap_none();
	check(instructions < MOST_INSTRUCTIONS);
	counted++;
	counted_instructions += instructions;
}

static void *alloc_counted(size_t bytes, size_t align)
{
	bool is_counted = begin_count();
	void *percpu = lm_percpu_alloc(bytes, align);
	if (is_counted)
		end_count();
	check(percpu != NULL);
	return percpu;
}

static void free_counted(void **percpu)
{
	bool is_counted = begin_count();
	lm_percpu_free(*percpu);
	if (is_counted)
		end_count();
	*percpu = NULL;
}

static void end_phase(void)
{
	check(counted_instructions <= counted * USUAL_INSTRUCTIONS);
	counted = 0;
	counted_instructions = 0;
}

static void free_in_random_order(struct random *random, size_t count)
{
	for (size_t left = count; left > 0; left--) {
		size_t one = random_below(random, left);
		void *percpu = many[one];
		many[one] = many[left - 1];
		free_counted(&percpu);
	}
	end_phase();
	percpu_check();
}

static bool cannot_count(void)
{
	trap_each(on_instruction);
	trap_none();
	return UNIT_SANITIZED || instructions == 0;
}

static void work_does_not_grow_with_places(void **state)
{
	(void)state;
	struct random random = random_start(5);
	if (cannot_count())
		skip();
	for (size_t align = 0; align <= 8; align += 8) {
		for (size_t i = 0; i < unit_rounds(MANY); i++)
			many[i] = alloc_counted(8, align);
		end_phase();
		free_in_random_order(&random, unit_rounds(MANY));
	}
}

/* What is left of freed places is of all lengths; big ones are asked for among small ones, and other alignments. */
static void work_does_not_grow_with_holes(void **state)
{
	(void)state;
	static const struct { size_t bytes, align; } kinds[] = {
		{8, 8}, {8, 0}, {24, 8}, {40, 0}, {64, 64}, {100, 4}, {1000, 8}, {4000, 256}, {8, 4096}, {LM_PERCPU_SIZE_MAX, 0},
	};
	struct random random = random_start(6);
	if (cannot_count())
		skip();
	size_t places = unit_rounds(MANY) / 20;
	for (size_t i = 0; i < unit_rounds(MANY) * 2; i++) {
		void **one = &many[random_below(&random, places)];
		size_t kind = random_below(&random, random_one_in(&random, 20) ? 10 : 6);
		if (*one != NULL)
			free_counted(one);
		else if (kinds[kind].bytes < LM_PERCPU_SIZE_MAX)
			*one = alloc_counted(kinds[kind].bytes, kinds[kind].align);
		else /* to clear it alone is more than the limit */
			*one = lm_percpu_alloc(kinds[kind].bytes, kinds[kind].align);
	}
	end_phase();
	percpu_check();
	for (size_t i = 0; i < places; i++)
		lm_percpu_free(many[i]);
}

/* No hole will do for what is asked: an odd granule each, then runs that are one granule short. */
static void work_does_not_grow_with_holes_that_do_not_fit(void **state)
{
	(void)state;
	if (cannot_count())
		skip();
	size_t places = unit_rounds(MANY) / 2;
	for (size_t bytes = 8; bytes <= 24; bytes += 16) {
		for (size_t i = 0; i < places; i++)
			many[i] = alloc_counted(bytes, 8);
		for (size_t i = bytes == 8; i < places; i += 2)
			free_counted(&many[i]);
		end_phase();
		for (size_t i = bytes == 8; i < places; i += 2)
			many[i] = alloc_counted(bytes == 8 ? 8 : 32, bytes == 8 ? 16 : 8);
		end_phase();
		for (size_t i = 0; i < places; i++)
			free_counted(&many[i]);
		end_phase();
	}
}

/* The same, in many chunks with one hole in 1024 bytes: few of them are searched. */
static void work_does_not_grow_with_chunks(void **state)
{
	(void)state;
	enum { PAIRS = 40 * 64, FEW_INSTRUCTIONS = 40000 };
	if (cannot_count())
		skip();
	fill_chunk();
	for (size_t i = 0; i < PAIRS; i++) {
		check(lm_percpu_alloc(1016, 8) != NULL);
		many[i] = lm_percpu_alloc(8, 8);
	}
	for (size_t i = 0; i < PAIRS; i++)
		lm_percpu_free(many[i]);
	size_t chunks = percpu_check().chunks;
	calls = SAMPLE - 1;
	alloc_counted(8, 16);
	check(percpu_check().chunks == chunks + 1);
	check(counted_instructions < FEW_INSTRUCTIONS);
}

static void allocate_and_free(unsigned index)
{
	struct random random = random_start(100 + index);
	struct held held[20] = {{NULL, 0, 0}};
	for (size_t i = 0; i < unit_rounds(3000); i++) {
		struct held *one = &held[random_below(&random, 20)];
		if (one->percpu == NULL)
			take(&random, one);
		else
			give_back(one);
	}
	for (size_t i = 0; i < 20; i++)
		if (held[i].percpu != NULL)
			give_back(&held[i]);
}

static void threads_allocate_and_free(void **state)
{
	(void)state;
	size_t taken = percpu_check().taken_granules;
	unit_threads(4, allocate_and_free);
	assert_int_equal(percpu_check().taken_granules, taken);
}

UNIT_MAIN(UNIT(cpus_are_those_of_the_system), UNIT(without_sysfs_the_mask_counts), UNIT(slots_keep_their_contents),
	  UNIT(holes_are_used_again), UNIT(shorter_holes_are_not_forgotten),
	  UNIT(work_does_not_grow_with_chunks), UNIT(one_empty_chunk_is_kept_as_it_is),
	  UNIT(requests_that_cannot_be_are_einval), UNIT(running_out_loses_nothing),
	  UNIT(without_a_descriptor_nothing_is_mapped), UNIT(bad_pointers_are_reported),
	  UNIT(freed_pointers_are_found_in_each_call), UNIT(freed_pointers_are_found_in_an_empty_chunk),
	  UNIT(freed_pointers_are_found_under_static_variables), UNIT(generations_come_round),
	  UNIT(static_variables_begin_with_their_values), UNIT(modules_come_and_go),
	  UNIT(a_module_that_cannot_be_served_ends_the_process), UNIT(a_section_may_begin_anywhere),
	  UNIT(threads_lose_no_addition_by_sequences),
	  UNIT(threads_lose_no_addition_by_atomics), UNIT(threads_without_an_area_lose_nothing),
	  UNIT(threads_allocate_and_free), UNIT(work_does_not_grow_with_places),
	  UNIT(work_does_not_grow_with_holes), UNIT(work_does_not_grow_with_holes_that_do_not_fit),
	  UNIT(each_instruction_may_be_interrupted))
