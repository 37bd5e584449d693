/*
 * flags.c - heap/flags and ext/malloc: which flags go together, and any mix of calls with any flags against a list of
 * blocks; allocations that make no system call, at each instruction of malloc and free; memory that runs out.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "magazine/thread_cache.h"
#include "unit.h"

#include "heap/flags.h"
#include "base/bits.h"
#include "large/large.h"
#include "large/run.h"
#include "large/large_cache.h"
#include "heap/follow.h"
#include "heap/heap.h"
#include "page/purge.h"
#include "magazine/miss.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <libmalloc/alloc.h>
#include <libmalloc/cache.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * KIB, BLOCKS = 300, THREADS = 4 };

/* The clock stands still, but for what a test says. In place of os/clock.c. */
static _Atomic uint64_t now_us = 1;
uint64_t os_clock_us(void) { return now_us; }

/* The reference: pairs that exclude each other, as libmalloc/flags.h has them. */
static bool go_together(unsigned flags)
{
	static const unsigned pairs[] = {LM_NOSYSCALL | LM_NOFAIL, LM_NOSYSCALL | LM_HUGE, LM_NORETRY | LM_NOFAIL,
					 LM_DMA32 | LM_HUGE, LM_COLD | LM_HUGE};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if ((flags & pairs[i]) == pairs[i])
			return false;
	return (flags & ~0xffu) == 0;
}

static void all_flags(void *ignored)
{
	(void)ignored;
	for (unsigned flags = 0; flags < 0x400; flags++) {
		errno = 0;
		void *block = lm_malloc(100, flags | LM_NOWARN);
		bool refused = block == NULL && errno == EINVAL;
		check(refused == !go_together(flags));
		check(block != NULL || refused || ((flags & LM_NOSYSCALL) && errno == EAGAIN));
		heap_free(block, "free");
	}
}

static void flags_that_exclude_each_other_are_einval(void **state)
{
	(void)state;
	static char text[1 << 20];
	assert_int_equal(unit_capture(all_flags, NULL, text, sizeof(text)), 0);
	size_t lines = 0;
	for (char *line = text; (line = strchr(line, '\n')) != NULL; line++)
		lines++;
	unsigned refused = 0;
	for (unsigned flags = 0; flags < 0x400; flags++)
		refused += !go_together(flags);
	assert_int_equal(lines, refused);
}

struct refusal {
	unsigned flags;
	unsigned of_use;
	const char *line;
};

static void call_refused(void *argument)
{
	const struct refusal *refusal = argument;
	errno = 0;
	check(!flags_accept(refusal->flags, refusal->of_use, "f"));
	check(errno == EINVAL);
}

static void a_line_names_them(void **state)
{
	(void)state;
	static struct refusal refusals[] = {
		{LM_NOSYSCALL | LM_HUGE, FLAGS_MALLOC, "LM_NOSYSCALL excludes LM_HUGE"},
		{LM_NOFAIL | LM_NORETRY | LM_ZERO, FLAGS_MALLOC, "LM_NORETRY excludes LM_NOFAIL"},
		{LM_HUGE | LM_DMA32, FLAGS_MALLOC, "LM_HUGE excludes LM_DMA32"},
		{LM_COLD, FLAGS_PAGES, "LM_COLD cannot be used with this function"},
		{LM_HUGE | LM_ZERO, FLAGS_CACHE, "LM_HUGE cannot be used with this function"},
		{0x8000 | LM_ZERO, FLAGS_MALLOC, "0x8000 is not a flag"},
		{0x80000000, FLAGS_MALLOC, "0x80000000 is not a flag"},
	};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char text[200];
		char wanted[200];
		snprintf(wanted, sizeof(wanted), "libmalloc: bad flags: %s (f)\n", refusals[i].line);
		assert_int_equal(unit_capture(call_refused, &refusals[i], text, sizeof(text)), 0);
		assert_string_equal(text, wanted);
	}
}

/* The model: a block's bytes up to its size hold its tag; what lies behind is zero where all its calls had LM_ZERO. */
struct block {
	unsigned char *address;
	size_t bytes;
	unsigned char tag;
	bool is_zeroed;
};

static struct block blocks[THREADS][BLOCKS];

static size_t random_size(struct random *random)
{
	switch (random_below(random, 20)) {
	case 0:
		return random_below(random, 6 * MIB);
	case 1:
	case 2:
		return random_below(random, 300 * KIB);
	case 3:
	case 4:
		return random_below(random, 20 * KIB);
	default:
		return random_below(random, 1100);
	}
}

static unsigned random_flags(struct random *random)
{
	unsigned flags = LM_NOWARN | (random_one_in(random, 2) ? LM_ZERO : 0);
	do
		flags = (flags & (LM_NOWARN | LM_ZERO)) | (unsigned)(random_next(random) & random_next(random) & 0xff);
	while (!go_together(flags));
	return flags;
}

static bool all_are(const unsigned char *bytes, size_t count, unsigned char value)
{
	return count == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, count - 1) == 0);
}

static void check_new(const struct block *block, size_t alignment, unsigned flags)
{
	uintptr_t address = (uintptr_t)block->address;
	size_t usable = heap_usable(block->address);
	check(address % alignment == 0 && usable >= block->bytes);
	if (flags & LM_DMA32)
		check(address + usable <= UINT64_C(1) << 32);
	if (flags & LM_ZERO)
		check(all_are(block->address, usable, 0));
}

static void make(struct random *random, struct block *block)
{
	unsigned flags = random_flags(random);
	size_t alignment = 16;
	block->bytes = random_size(random);
	block->tag = (unsigned char)(random_next(random) | 1);
	block->is_zeroed = (flags & LM_ZERO) != 0;
	if (random_one_in(random, 4)) {
		alignment = (size_t)1 << random_below(random, random_one_in(random, 4) ? 23 : 14);
		block->address = lm_aligned(alignment, block->bytes, flags);
	} else if (random_one_in(random, 4)) {
		block->is_zeroed = true;
		flags |= LM_ZERO;
		size_t count = 1 + random_below(random, 10);
		block->bytes = block->bytes / count * count;
		block->address = lm_calloc(count, block->bytes / count, flags);
	} else {
		block->address = random_one_in(random, 8) ? lm_realloc(NULL, block->bytes, flags)
							  : lm_malloc(block->bytes, flags);
	}
	check(block->address != NULL || ((flags & LM_NOSYSCALL) && errno == EAGAIN));
	if (block->address == NULL)
		return;
	check_new(block, alignment, flags);
	memset(block->address, block->tag, block->bytes);
}

static void check_content(const struct block *block)
{
	check(all_are(block->address, block->bytes, block->tag));
	if (block->is_zeroed)
		check(all_are(block->address + block->bytes, heap_usable(block->address) - block->bytes, 0));
}

static void resize(struct random *random, struct block *block)
{
	unsigned flags = random_flags(random);
	size_t bytes = random_one_in(random, 3) ? random_size(random) : block->bytes / 2 + random_below(random, block->bytes + 1);
	unsigned char *moved = lm_realloc(block->address, bytes, flags);
	check(moved != NULL || ((flags & LM_NOSYSCALL) && errno == EAGAIN));
	if (moved == NULL) {
		check_content(block);
		return;
	}
	bytes = size_max(bytes, 1);
	size_t usable = heap_usable(moved);
	check(usable >= bytes && all_are(moved, size_min(bytes, block->bytes), block->tag));
	if (flags & LM_DMA32)
		check((uintptr_t)moved + usable <= UINT64_C(1) << 32);
	if ((flags & LM_ZERO) && block->is_zeroed)
		check(all_are(moved + size_min(bytes, block->bytes), usable - size_min(bytes, block->bytes), 0));
	block->is_zeroed = block->is_zeroed && (flags & LM_ZERO);
	block->address = moved;
	block->bytes = bytes;
	memset(moved, block->tag, bytes);
}

static void drop(struct block *block)
{
	check_content(block);
	heap_free(block->address, "free");
	block->address = NULL;
}

static void random_step(struct random *random, struct block *table)
{
	struct block *block = &table[random_below(random, BLOCKS)];
	if (block->address == NULL)
		make(random, block);
	else if (random_one_in(random, 3))
		resize(random, block);
	else
		drop(block);
}

static void drop_all(struct block *table)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (table[i].address != NULL)
			drop(&table[i]);
}

static void all_goes_back(void)
{
	thread_cache_flush();
	large_cache_drain();
	reclaim_all();
	check_all_objects_free();
	check(zone_used_pages() == 0 && run_bytes() == 0 && large_cache_counts().blocks == 0);
}

static void any_mix_of_flags_keeps_blocks_whole(void **state)
{
	(void)state;
	struct random random = random_start(21);
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		random_step(&random, blocks[0]);
		if (i % 500 == 0)
			check_everything();
	}
	assert_true(zone_has_pages(ZONE_DMA32));
	drop_all(blocks[0]);
	all_goes_back();
}

static void mix(unsigned index)
{
	struct random random = random_start(30 + index);
	for (size_t i = 0; i < unit_rounds(1500); i++)
		random_step(&random, blocks[index]);
	drop_all(blocks[index]);
	thread_cache_end();
}

static void threads_mix_flags(void **state)
{
	(void)state;
	unit_threads(THREADS, mix);
	all_goes_back();
}

/* No system call at all: the kernel kills who makes another one than read, write, exit and sigreturn. */
static _Noreturn void exit_now(int status)
{
	syscall(SYS_exit, status);
	__builtin_unreachable();
}

static void allocate_without_kernel(void)
{
	struct random random = random_start(40);
	static void *made[3000];
	static size_t sizes[3000];
	size_t count = 0;
	size_t refused = 0;
	if (prctl(PR_SET_SECCOMP, 1) != 0)
		exit_now(1);
	for (size_t i = 0; i < 3000; i++) {
		unsigned flags = LM_NOSYSCALL | (unsigned)(random_next(&random) & (LM_ZERO | LM_DMA32 | LM_COLD));
		size_t bytes = random_size(&random);
		errno = 0;
		void *block = lm_aligned((size_t)1 << random_below(&random, 14), bytes, flags);
		if (block == NULL && errno != EAGAIN)
			exit_now(2);
		refused += block == NULL;
		if (block == NULL)
			continue;
		if ((flags & LM_ZERO) && !content_is_zero(block, bytes))
			exit_now(3);
		content_write(block, bytes, count);
		made[count] = block;
		sizes[count++] = bytes;
		/* A block that fits stays, and a block that would have to move stays as well. */
		if (lm_realloc(block, bytes, LM_NOSYSCALL) != block)
			exit_now(4);
		if (lm_realloc(block, 8 * MIB, LM_NOSYSCALL) != NULL || errno != EAGAIN)
			exit_now(5);
	}
	for (size_t i = 0; i < count; i++)
		if (!content_is(made[i], sizes[i], i))
			exit_now(6);
	exit_now(count > 100 && refused > 10 ? 0 : 7);
}

static void nosyscall_makes_no_system_call(void **state)
{
	(void)state;
	if (UNIT_SANITIZED)
		skip();
	/* Of the heap some is free: pages, and objects of some classes. */
	void *block = lm_malloc(3 * MIB / 4, LM_DMA32);
	void *other = lm_malloc(100 * KIB, 0);
	heap_free(block, "free");
	heap_free(other, "free");
	for (size_t bytes = 16; bytes < 4000; bytes += bytes / 4)
		assert_non_null(lm_malloc(bytes, 0));
	pid_t child = fork();
	if (child == 0)
		allocate_without_kernel();
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/*
 * Each instruction of malloc and free, of their misses, of pages taken and given back, is interrupted by the CPU's trap
 * flag, and the handler allocates. Whatever it interrupted, all blocks are whole, and nothing is locked for ever.
 */
enum { TRAP_FLAG = 0x100, HELD = 60 };

static struct {
	void *block;
	size_t bytes;
} held[HELD];
static size_t traps;
static size_t served;
static size_t handler_size;

static void drop_held(size_t slot)
{
	if (held[slot].block == NULL)
		return;
	check(content_is(held[slot].block, held[slot].bytes, slot));
	heap_free(held[slot].block, "free");
	held[slot].block = NULL;
}

/* What is freed is freed outside: free is not for handlers. */
static void on_trap(int number)
{
	(void)number;
	size_t slot = traps++ % HELD;
	if (held[slot].block != NULL)
		return;
	unsigned flags = LM_NOSYSCALL | (traps % 3 == 0 ? LM_DMA32 : 0) | (traps % 5 == 0 ? LM_ZERO : 0);
	size_t bytes = traps % 4 == 0 ? handler_size : 16 + traps * 37 % 3000;
	int saved = errno;
	void *block = lm_malloc(bytes, flags);
	check(block != NULL || errno == EAGAIN);
	errno = saved;
	if (block == NULL)
		return;
	served++;
	held[slot].bytes = bytes;
	held[slot].block = block;
	content_write(block, bytes, slot);
}

/* In one statement with what is to be trapped, so that the compiler puts nothing else there. */
#define trapping(statement)                                                                                            \
	do {                                                                                                           \
		__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(TRAP_FLAG) : "memory", "cc");                \
		statement;                                                                                             \
		__asm__ volatile("pushfq; andq %0, (%%rsp); popfq" : : "i"(~TRAP_FLAG) : "memory", "cc");              \
	} while (0)

static void trap_a_round(size_t bytes, size_t count)
{
	void *made[200];
	handler_size = bytes;
	for (size_t i = 0; i < count; i++) {
		trapping(made[i] = heap_alloc(bytes));
		check(made[i] != NULL);
		content_write(made[i], bytes, 1000 + i);
		drop_held(i % HELD);
		drop_held((i + 30) % HELD);
	}
	for (size_t i = 0; i < count; i++) {
		check(content_is(made[i], bytes, 1000 + i));
		trapping(heap_free(made[i], "free"));
		drop_held(i % HELD);
		drop_held((i + 30) % HELD);
	}
	trapping(thread_cache_flush());
	for (size_t slot = 0; slot < HELD; slot++)
		drop_held(slot);
}

static void a_signal_handler_may_allocate_anywhere(void **state)
{
	(void)state;
	if (UNIT_SANITIZED)
		skip();
	heap_free(lm_malloc(MIB, LM_DMA32), "free");
	signal(SIGTRAP, on_trap);
	trap_a_round(48, 80);
	trap_a_round(1000, 40);
	trap_a_round(9000, 20);
	trap_a_round(60000, 8);
	trap_a_round(300 * KIB, 3);
	signal(SIGTRAP, SIG_DFL);
	assert_true(traps > 5000 && served > 500);
	all_goes_back();
}

/* The same of an object cache. */
static struct lm_cache *trapped;
enum { OBJECT_BYTES = 48 };

static void drop_object(size_t slot)
{
	if (held[slot].block == NULL)
		return;
	check(content_is(held[slot].block, OBJECT_BYTES, slot));
	lm_cache_free(trapped, held[slot].block);
	held[slot].block = NULL;
}

static void on_trap_in_cache(int number)
{
	(void)number;
	size_t slot = traps++ % HELD;
	if (held[slot].block != NULL)
		return;
	int saved = errno;
	void *object = lm_cache_alloc_flags(trapped, LM_NOSYSCALL);
	check(object != NULL || errno == EAGAIN);
	errno = saved;
	if (object == NULL)
		return;
	served++;
	held[slot].block = object;
	content_write(object, OBJECT_BYTES, slot);
}

static void trap_a_cache(unsigned flags)
{
	void *made[150];
	trapped = lm_cache_create("trapped", OBJECT_BYTES, 0, flags | LM_CACHE_NO_MERGE, NULL, NULL);
	lm_cache_free(trapped, lm_cache_alloc(trapped));
	for (size_t i = 0; i < 150; i++) {
		trapping(made[i] = lm_cache_alloc(trapped));
		content_write(made[i], OBJECT_BYTES, 1000 + i);
		drop_object(i % HELD);
		drop_object((i + 30) % HELD);
	}
	for (size_t i = 0; i < 150; i++) {
		check(content_is(made[i], OBJECT_BYTES, 1000 + i));
		trapping(lm_cache_free(trapped, made[i]));
		drop_object(i % HELD);
	}
	trapping(lm_cache_shrink(trapped));
	for (size_t slot = 0; slot < HELD; slot++)
		drop_object(slot);
	assert_int_equal(lm_cache_destroy(trapped), 0);
}

static void a_signal_handler_may_take_objects_anywhere(void **state)
{
	(void)state;
	if (UNIT_SANITIZED)
		skip();
	signal(SIGTRAP, on_trap_in_cache);
	trap_a_cache(0);
	trap_a_cache(LM_CACHE_RED_ZONE | LM_CACHE_POISON);
	signal(SIGTRAP, SIG_DFL);
	assert_true(traps > 5000 && served > 200);
}

/* Threads at the same locks as a handler that interrupts one of them: neither sleeps for ever. */
static _Atomic size_t from_handler;

static void on_alarm(int number)
{
	(void)number;
	int saved = errno;
	static _Thread_local void *mine __attribute__((tls_model("initial-exec")));
	if (mine == NULL && (mine = lm_malloc(64, LM_NOSYSCALL)) != NULL)
		atomic_fetch_add_explicit(&from_handler, 1, memory_order_relaxed);
	errno = saved;
}

static void churn(unsigned index)
{
	void *made[100];
	struct random random = random_start(50 + index);
	for (size_t i = 0; i < unit_rounds(3000); i++) {
		for (size_t j = 0; j < 100; j++)
			made[j] = heap_alloc(64);
		void *quiet = lm_malloc(64, LM_NOSYSCALL);
		check(quiet != NULL || errno == EAGAIN);
		for (size_t j = 0; j < 100; j++)
			heap_free(made[j], "free");
		heap_free(quiet, "free");
		if (random_one_in(&random, 10)) {
			raise(SIGALRM);
			thread_cache_flush();
		}
	}
	thread_cache_end();
}

static void threads_and_handlers_share_locks(void **state)
{
	(void)state;
	signal(SIGALRM, on_alarm);
	unit_threads(THREADS, churn);
	assert_true(from_handler > 0 && from_handler <= THREADS);
	check_everything();
}

/* refuse_all: from here on the system gives no memory. allow_all: it does again. */
static struct rlimit as_before;

static void refuse_all(void)
{
	getrlimit(RLIMIT_AS, &as_before);
	struct rlimit none = {1, as_before.rlim_max};
	check(setrlimit(RLIMIT_AS, &none) == 0);
}

static void allow_all(void) { check(setrlimit(RLIMIT_AS, &as_before) == 0); }

static void noretry_gives_nothing_back(void **state)
{
	(void)state;
	static void *made[10000];
	size_t count = 0;
	void *first = heap_alloc(5000);
	heap_free(first, "free");
	refuse_all();
	while ((made[count] = lm_malloc(2000, LM_NORETRY | LM_NOWARN)) != NULL)
		check(++count < 10000);
	assert_int_equal(errno, ENOMEM);
	/* The magazine of the 5000 keeps the slab, until somebody tries harder. */
	void *more = lm_malloc(2000, LM_NOWARN | LM_ZERO);
	bool zeroed = more != NULL && content_is_zero(more, 2000);
	allow_all();
	assert_true(count > 0);
	assert_non_null(more);
	assert_true(zeroed);
}

static void *waited_for;

static void wait_or_free(unsigned index)
{
	if (index == 0) {
		waited_for = lm_malloc(100 * MIB, LM_NOFAIL | LM_NOWARN);
	} else {
		usleep(100000);
		check(waited_for == NULL);
		allow_all();
	}
}

static void threads_nofail_waits(void **state)
{
	(void)state;
	assert_null(lm_malloc(SIZE_MAX / 2, LM_NOFAIL));
	assert_int_equal(errno, EINVAL);
	assert_null(lm_malloc((size_t)5 << 30, LM_NOFAIL | LM_DMA32));
	assert_int_equal(errno, EINVAL);
	assert_null(lm_calloc(SIZE_MAX / 2, 3, LM_NOFAIL));
	assert_int_equal(errno, EINVAL);
	if (UNIT_SANITIZED)
		skip();
	/* The threads' stacks find room, the block does not. */
	getrlimit(RLIMIT_AS, &as_before);
	struct rlimit tight = {(address_space_pages() << PAGE_SHIFT) + 50 * MIB, as_before.rlim_max};
	check(setrlimit(RLIMIT_AS, &tight) == 0);
	unit_threads(2, wait_or_free);
	assert_non_null(waited_for);
}

static void fail_often(unsigned flags)
{
	for (int i = 0; i < 100; i++)
		check(lm_malloc(100 * MIB, flags) == NULL);
}

/* A hundred times at one moment, and an hour later. */
static void fail_twice(void *flags)
{
	refuse_all();
	fail_often((unsigned)(uintptr_t)flags);
	now_us += UINT64_C(3600000000);
	fail_often((unsigned)(uintptr_t)flags);
}

static void failure_is_told_once_in_a_while(void **state)
{
	(void)state;
	char text[1000];
#define LINE "libmalloc: out of memory: 104857600 bytes (lm_malloc)\n"
	static const unsigned flags[] = {0, LM_ZERO, LM_NORETRY, LM_DMA32};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		assert_int_equal(unit_capture(fail_twice, (void *)(uintptr_t)flags[i], text, sizeof(text)), 0);
		assert_string_equal(text, LINE LINE);
	}
	static const unsigned silent[] = {LM_NOWARN, LM_NOSYSCALL, LM_NOWARN | LM_DMA32};
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		assert_int_equal(unit_capture(fail_twice, (void *)(uintptr_t)silent[i], text, sizeof(text)), 0);
		assert_string_equal(text, "");
	}
}

/* The n-th mapping is refused, for each n: nothing is lost. */
static void low_memory_that_is_refused_loses_nothing(void **state)
{
	(void)state;
	static const size_t sizes[] = {64, 3000, 5 * MIB, 20 * MIB, 60 * MIB};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		void *rest = i == 1 ? lm_malloc(4 * MIB, LM_DMA32) : NULL;
		refuse_all();
		size_t pages = address_space_pages();
		for (int j = 0; j < 50; j++) {
			check(lm_malloc(sizes[i], LM_DMA32 | LM_NOWARN) == NULL && errno == ENOMEM);
			check(lm_malloc(sizes[i], LM_DMA32 | LM_NOSYSCALL) == NULL && errno == EAGAIN);
		}
		check(address_space_pages() == pages);
		allow_all();
		check_everything();
		heap_free(rest, "free");
		void *block = lm_malloc(sizes[i], LM_DMA32 | LM_ZERO);
		assert_non_null(block);
		assert_true((uintptr_t)block < UINT64_C(1) << 32);
		/* What is free there serves the next, with nothing new. */
		heap_free(block, "free");
		thread_cache_flush();
		refuse_all();
		block = lm_malloc(sizes[i], LM_DMA32 | LM_NOSYSCALL | LM_ZERO);
		allow_all();
		assert_non_null(block);
		heap_free(block, "free");
		all_goes_back();
	}
}

static void low_memory_ends(void **state)
{
	(void)state;
	void *made[64];
	size_t count = 0;
	while ((made[count] = lm_malloc(256 * MIB, LM_DMA32 | LM_NOWARN | LM_NORETRY)) != NULL)
		check(++count < 17);
	assert_int_equal(errno, ENOMEM);
	/* A sanitizer has put its own data there. */
	assert_true(count >= (UNIT_SANITIZED ? 1 : 8));
	assert_null(lm_malloc((size_t)5 << 30, LM_DMA32 | LM_NOWARN));
	assert_int_equal(errno, ENOMEM);
	while (count > 0) {
		assert_true((uintptr_t)made[--count] + 256 * MIB <= UINT64_C(1) << 32);
		heap_free(made[count], "free");
	}
	void *block = lm_malloc(256 * MIB, LM_DMA32);
	assert_non_null(block);
	void *moved = lm_realloc(block, 100 * MIB, LM_DMA32);
	assert_true(moved != NULL && (uintptr_t)moved < UINT64_C(1) << 32);
	heap_free(moved, "free");
}

/* Memory below 4 GiB is for requests that ask for it. Others may get an object of it from a magazine only. */
static void others_get_no_low_memory(void **state)
{
	(void)state;
	void *low = lm_malloc(100, LM_DMA32);
	void *pages = lm_malloc(MIB, LM_DMA32);
	assert_true((uintptr_t)low < UINT64_C(1) << 32 && (uintptr_t)pages < UINT64_C(1) << 32);
	heap_free(pages, "free");
	for (size_t i = 0; i < 2000; i++) {
		assert_true((uintptr_t)lm_malloc(100, random_one_in(&(struct random){i}, 2) ? 0 : LM_COLD) >> 32 != 0);
		assert_true((uintptr_t)heap_alloc(4000) >> 32 != 0);
	}
	void *again = lm_malloc(100, LM_DMA32);
	assert_true((uintptr_t)again - (uintptr_t)low < 64 * KIB);
	/* A realloc without the flag may leave. */
	void *left = lm_realloc(low, 5000, 0);
	assert_true((uintptr_t)left >> 32 != 0);
}

static void cold_memory_is_not_what_was_freed_last(void **state)
{
	(void)state;
	for (size_t bytes = 16; bytes <= 100 * KIB; bytes *= 3) {
		void *hot = heap_alloc(bytes);
		heap_free(hot, "free");
		void *cold_block = lm_malloc(bytes, LM_COLD);
		assert_true(cold_block != hot);
		assert_ptr_equal(heap_alloc(bytes), hot);
	}
	/* After two rounds the freed mapping is kept. */
	for (int i = 0; i < 4; i++)
		heap_free(heap_alloc(4 * MIB), "free");
	assert_true(large_cache_held_bytes() > 0);
	size_t kept = large_cache_held_bytes();
	assert_non_null(lm_malloc(4 * MIB, LM_COLD));
	assert_int_equal(large_cache_held_bytes(), kept);
}

static void huge_blocks_are_advised_and_not_kept(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		char *block = lm_malloc(5 * MIB, LM_HUGE | LM_ZERO);
		assert_int_equal((uintptr_t)block % (2 * MIB), 0);
		assert_true(large_of((uintptr_t)block) != NULL);
		if (large_of((uintptr_t)block)->is_huge)
			assert_true(area_has_flag(block, "hg"));
		assert_true(content_is_zero(block, 5 * MIB));
		content_write(block, 5 * MIB, 1);
		char *grown = lm_realloc(block, 9 * MIB, LM_HUGE);
		assert_true(content_is(grown, 5 * MIB, 1) || grown != block);
		bool was_huge = large_of((uintptr_t)grown)->is_huge;
		heap_free(grown, "free");
		assert_true(!was_huge || large_cache_held_bytes() == 0);
	}
	char *aligned = lm_aligned(8 * MIB, 3 * MIB, LM_HUGE);
	assert_int_equal((uintptr_t)aligned % (8 * MIB), 0);
	assert_non_null(lm_malloc(100, LM_HUGE));
	/* Where freed mappings are kept, a huge one is not: nobody else gets its pages. */
	for (int i = 0; i < 4; i++)
		heap_free(heap_alloc(9 * MIB), "free");
	size_t kept = large_cache_held_bytes();
	assert_true(kept > 0);
	void *huge = lm_malloc(7 * MIB, LM_HUGE);
	bool is_huge = large_of((uintptr_t)huge)->is_huge;
	void *usual = heap_alloc(9 * MIB);
	heap_free(huge, "free");
	assert_int_equal(large_cache_held_bytes(), is_huge ? 0 : 7 * MIB);
	assert_false(large_of((uintptr_t)usual)->is_huge);
}

static void realloc_bad(void *pointer) { lm_realloc(pointer, 100, LM_ZERO); }

static void bad_pointers_are_reported(void **state)
{
	(void)state;
	char line[100];
	char *freed = heap_alloc(100);
	heap_free(freed, "free");
	snprintf(line, sizeof(line), "libmalloc: block already freed: %p (lm_realloc)", (void *)freed);
	unit_expect_abort(realloc_bad, freed, line);
	char *block = heap_alloc(100);
	snprintf(line, sizeof(line), "libmalloc: interior pointer: %p (lm_realloc)", (void *)(block + 16));
	unit_expect_abort(realloc_bad, block + 16, line);
}

static void alignments_that_cannot_be(void **state)
{
	(void)state;
	static const size_t bad[] = {0, 3, 24, SIZE_MAX};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(lm_aligned(bad[i], 100, 0));
		assert_int_equal(errno, EINVAL);
	}
	assert_null(lm_calloc(SIZE_MAX / 2, 3, LM_NOWARN));
	assert_int_equal(errno, ENOMEM);
	assert_null(lm_malloc(SIZE_MAX, LM_NOSYSCALL));
	assert_int_equal(errno, ENOMEM);
	static const unsigned limited[] = {LM_DMA32, LM_NOSYSCALL};
	for (size_t i = 0; i < 2; i++) {
		assert_non_null(lm_aligned(4 * MIB, 10, LM_DMA32));
		errno = 0;
		assert_null(lm_aligned(8 * MIB, 10, limited[i] | LM_NOWARN));
		assert_int_equal(errno, EINVAL);
	}
	static const unsigned all[] = {0, LM_ZERO, LM_NORETRY, LM_NOFAIL, LM_COLD, LM_HUGE, LM_DMA32, LM_NOSYSCALL};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		errno = 0;
		assert_null(lm_aligned(SIZE_MAX / 2 + 1, 10, all[i]));
		assert_int_equal(errno, EINVAL);
	}
	assert_non_null(lm_aligned(8 * MIB, 10, 0));
	assert_non_null(lm_aligned(1, 100, 0));
	assert_non_null(lm_realloc(NULL, 0, 0));
	assert_non_null(lm_realloc(lm_malloc(100, 0), 0, 0));
	assert_non_null(lm_realloc(lm_malloc(100, 0), 0, LM_ZERO));
}

UNIT_MAIN(UNIT(flags_that_exclude_each_other_are_einval), UNIT(a_line_names_them),
	  UNIT(any_mix_of_flags_keeps_blocks_whole), UNIT(threads_mix_flags), UNIT(nosyscall_makes_no_system_call),
	  UNIT(a_signal_handler_may_allocate_anywhere), UNIT(a_signal_handler_may_take_objects_anywhere), UNIT(threads_and_handlers_share_locks),
	  UNIT(noretry_gives_nothing_back), UNIT(threads_nofail_waits), UNIT(failure_is_told_once_in_a_while),
	  UNIT(low_memory_that_is_refused_loses_nothing), UNIT(low_memory_ends), UNIT(others_get_no_low_memory),
	  UNIT(cold_memory_is_not_what_was_freed_last), UNIT(huge_blocks_are_advised_and_not_kept),
	  UNIT(bad_pointers_are_reported), UNIT(alignments_that_cannot_be))
