/*
 * unit.c - see unit.h.
 */
#define _GNU_SOURCE
#include "magazine/bins.h"
#include "magazine/depot.h"
#include "slab/slab.h"
#include "unit.h"

#include "heap/follow.h"
#include "heap/heap.h"
#include "page/purge.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <valgrind/memcheck.h>

enum { ALARM_SECONDS = 600, MESSAGE_BYTES = 4000, THREADS_MAX = 128 };

static unsigned environment_number(const char *name, unsigned usual)
{
	const char *text = getenv(name);
	return text == NULL || *text == '\0' ? usual : (unsigned)atoi(text);
}

_Noreturn void unit_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	fflush(NULL);
	abort();
}

/* The child: runs the one test under cmocka again, so that its assertions work; the exit status says if it passed. */
static _Noreturn void run_alone(const struct unit_test *unit, int output)
{
	const struct CMUnitTest test = {unit->name, unit->function, NULL, NULL, NULL};
	unsetenv("CMOCKA_MESSAGE_OUTPUT");
	cmocka_set_message_output(CM_OUTPUT_STDOUT);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	alarm(ALARM_SECONDS * environment_number("UNIT_PATIENCE", 1));
	int failed = _cmocka_run_group_tests(unit->name, &test, 1, NULL, NULL);
	fflush(NULL);
	_exit(failed != 0);
}

static void read_back(int file, char *text, size_t text_bytes)
{
	ssize_t got = pread(file, text, text_bytes - 1, 0);
	text[got > 0 ? got : 0] = '\0';
}

void unit_in_child(void **state)
{
	char text[MESSAGE_BYTES];
	int status;
	int output = memfd_create("output", MFD_CLOEXEC);
	assert_true(output >= 0);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		run_alone(*state, output);
	assert_int_equal(waitpid(child, &status, 0), child);
	read_back(output, text, sizeof(text));
	close(output);
	if (status == 0)
		return;
	printf("# wait status %d%s\n", status, WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? " (hangs)" : "");
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
	fail();
}

int unit_main(const struct CMUnitTest *tests, size_t count)
{
	const char *filter = getenv("UNIT_FILTER");
	if (filter != NULL && *filter != '\0')
		cmocka_set_test_filter(filter);
	const char *except = getenv("UNIT_EXCEPT");
	if (except != NULL && *except != '\0')
		cmocka_set_skip_filter(except);
	setvbuf(stdout, NULL, _IOLBF, 0);
	return _cmocka_run_group_tests("unit", tests, count, NULL, NULL);
}

int unit_capture(void (*body)(void *), void *argument, char *text, size_t text_bytes)
{
	int status;
	int output = memfd_create("output", MFD_CLOEXEC);
	fflush(NULL);
	pid_t child = fork();
	check(output >= 0 && child >= 0);
	if (child == 0) {
		dup2(output, STDERR_FILENO);
		body(argument);
		_exit(0);
	}
	check(waitpid(child, &status, 0) == child);
	read_back(output, text, text_bytes);
	close(output);
	return status;
}

void unit_expect_abort(void (*body)(void *), void *argument, const char *line)
{
	char text[MESSAGE_BYTES];
	char expected[MESSAGE_BYTES];
	int status = unit_capture(body, argument, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%s\n", line);
	assert_string_equal(text, expected);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

struct random random_start(uint64_t seed)
{
	return (struct random){(seed + environment_number("UNIT_SEED", 0) * UINT64_C(7919)) * 2 + 1};
}

/* xorshift64*: G. Marsaglia 2003, S. Vigna 2016. */
uint64_t random_next(struct random *random)
{
	uint64_t x = random->state;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * UINT64_C(0x2545f4914f6cdd1d);
}

size_t random_below(struct random *random, size_t limit) { return (size_t)(random_next(random) >> 16) % limit; }

size_t unit_rounds(size_t rounds) { return (rounds * environment_number("UNIT_PERCENT", 100) + 99) / 100; }

struct start {
	pthread_t thread;
	unsigned index;
	void (*body)(unsigned index);
};

static void *thread_body(void *argument)
{
	struct start *start = argument;
	start->body(start->index);
	return NULL;
}

void unit_threads(unsigned count, void (*body)(unsigned index))
{
	struct start starts[THREADS_MAX];
	check(count <= THREADS_MAX);
	for (unsigned i = 0; i < count; i++) {
		starts[i] = (struct start){.index = i, .body = body};
		check(pthread_create(&starts[i].thread, NULL, thread_body, &starts[i]) == 0);
	}
	for (unsigned i = 0; i < count; i++)
		check(pthread_join(starts[i].thread, NULL) == 0);
}

void unit_meet(_Atomic size_t *word, size_t value)
{
	for (size_t i = 1; *word != value; i++)
		if (i % 100000 == 0)
			sched_yield();
}

static uint64_t word_at(uintptr_t address, uint64_t tag) { return (address + tag) * UINT64_C(0x9e3779b97f4a7c15) | 1; }

void content_write(void *block, size_t bytes, uint64_t tag)
{
	unsigned char *byte = block;
	for (size_t i = 0; i + 8 <= bytes; i += 8)
		memcpy(byte + i, &(uint64_t){word_at((uintptr_t)byte + i, tag)}, 8);
	memset(byte + bytes / 8 * 8, (int)(tag | 1), bytes % 8);
}

bool content_is(const void *block, size_t bytes, uint64_t tag)
{
	const unsigned char *byte = block;
	for (size_t i = 0; i + 8 <= bytes; i += 8)
		if (memcmp(byte + i, &(uint64_t){word_at((uintptr_t)byte + i, tag)}, 8) != 0)
			return false;
	for (size_t i = bytes / 8 * 8; i < bytes; i++)
		if (byte[i] != (unsigned char)(tag | 1))
			return false;
	return true;
}

bool content_is_zero(const void *block, size_t bytes)
{
	const unsigned char *byte = block;
	/* valgrind takes what the break uncovers for undefined; the kernel promises zeros. */
	(void)VALGRIND_MAKE_MEM_DEFINED(block, bytes);
	return bytes == 0 || (byte[0] == 0 && memcmp(byte, byte + 1, bytes - 1) == 0);
}

bool page_is_resident(const void *address)
{
	unsigned char resident = 0;
	uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE_BYTES - 1);
	return mincore((void *)page, PAGE_BYTES, &resident) == 0 && (resident & 1);
}

/* The line of a field ("VmFlags") of the area around `address`, without its name; "" where there is none. */
static void area_line(const void *address, const char *field, char *text, size_t text_bytes)
{
	char line[512];
	bool inside = false;
	size_t length = strlen(field);
	FILE *file = fopen("/proc/self/smaps", "re");
	check(file != NULL);
	*text = '\0';
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long first, end;
		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			inside = (uintptr_t)address >= first && (uintptr_t)address < end;
		else if (inside && strncmp(line, field, length) == 0 && line[length] == ':')
			snprintf(text, text_bytes, "%s", line + length + 1);
	}
	fclose(file);
}

size_t area_kib(const void *address, const char *field)
{
	char text[512];
	area_line(address, field, text, sizeof(text));
	return strtoul(text, NULL, 10);
}

bool area_has_flag(const void *address, const char *flag)
{
	char text[512];
	char word[8];
	area_line(address, "VmFlags", text, sizeof(text));
	snprintf(word, sizeof(word), " %s ", flag);
	for (char *at = text; *at != '\0'; at++)
		if (*at == '\n')
			*at = ' ';
	return strstr(text, word) != NULL;
}

size_t address_space_pages(void)
{
	char text[64] = "";
	int file = open("/proc/self/statm", O_RDONLY);
	check(file >= 0 && read(file, text, sizeof(text) - 1) > 0);
	close(file);
	return strtoul(text, NULL, 10);
}

static void filter_system_call(long number, unsigned answer)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, answer),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

void refuse_system_call(long number, int error) { filter_system_call(number, SECCOMP_RET_ERRNO | (unsigned)error); }

void forbid_system_call(long number) { filter_system_call(number, SECCOMP_RET_KILL_PROCESS); }

size_t idle_limit(void) { return purge_limit_pages(zone_used_pages() - cache_empty_pages()); }

size_t pages_until_looser(void)
{
	unsigned before = purge_loosened();
	size_t count = 0;
	for (; purge_loosened() == before; count++) {
		check(count < 1 << 20);
		purge_note_purged(1);
		purge_note_bought(1);
		purge_review();
	}
	check(purge_loosened() > before);
	return count;
}

void keep_dirty_pages(void)
{
	for (int i = 0; i < 100; i++) {
		purge_note_purged(1 << 20);
		purge_note_bought(1 << 20);
		purge_review();
	}
}

size_t listed_idle_pages(void)
{
	size_t pages = 0;
	for (unsigned c = 1; c < size_class_end(); c++)
		for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++)
			for (struct list_node *node = caches[c].list[bucket].first; node != NULL; node = node->next)
				pages += count_bits(slab_idle_pages(list_entry(node, struct slab, listed)));
	return pages;
}

void check_all_objects_free(void)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		size_t untouched = 0;
		for (unsigned bucket = 0; bucket < BUCKET_FULL; bucket++)
			for (struct list_node *node = caches[c].list[bucket].first; node != NULL; node = node->next)
				untouched += slab_is_empty(list_entry(node, struct slab, listed));
		check(caches[c].objects_out == 0 && caches[c].slabs == untouched);
	}
	check(cache_idle_pages() == listed_idle_pages());
	check_everything();
}

/* The entry points are left out (build.mk): for what lies behind them, the process's malloc is ours. */
bool follow_is_bound(void) { return true; }
