/*
 * low.c - LM_DMA32 where the memory below 4 GiB is full: each function refuses with few system calls, and finds what comes
 * free. The calls are counted by ptrace(2), between two marks of the process that makes them.
 */
#define _GNU_SOURCE
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOW_END (UINT64_C(1) << 32)

enum { MIB = 1 << 20, PAGE = 4096, CALLS_MAX = 100, AREAS = 1000 };

static char *longest; /* gap that was filled */
static size_t longest_bytes;

static void fill_gap(uint64_t start, uint64_t end)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE;
	if (end <= start)
		return;
	MUST(mmap((void *)start, end - start, PROT_NONE, flags, -1, 0) == (void *)start);
	if (end - start <= longest_bytes)
		return;
	longest = (char *)start;
	longest_bytes = end - start;
}

/* No page from 1 MiB to 4 GiB is free now; and there are some thousand areas. */
static void fill(void)
{
	uint64_t gaps[1000][2], start, end, free_from = MIB;
	size_t count = 0;
	FILE *maps = fopen("/proc/self/maps", "r");
	while (free_from < LOW_END && fscanf(maps, "%" SCNx64 "-%" SCNx64 "%*[^\n]", &start, &end) == 2) {
		gaps[count][0] = free_from;
		gaps[count++][1] = start < LOW_END ? start : LOW_END;
		free_from = end > free_from ? end : free_from;
	}
	fclose(maps);
	while (count-- > 0)
		fill_gap(gaps[count][0], gaps[count][1]);
	for (int i = 0; i < AREAS; i++)
		MUST(mprotect(longest + 256 * MIB + 2 * i * PAGE, PAGE, PROT_READ) == 0);
}

static void *by_malloc(void) { return lm_malloc(100, LM_DMA32 | LM_NOWARN); }
static void *by_malloc_once(void) { return lm_malloc(5000, LM_DMA32 | LM_NOWARN | LM_NORETRY); }
static void *by_malloc_large(void) { return lm_malloc(50 * MIB, LM_DMA32 | LM_NOWARN); }
static void *by_aligned(void) { return lm_aligned(65536, 3000, LM_DMA32 | LM_NOWARN); }
static void *by_calloc(void) { return lm_calloc(3, 40000, LM_DMA32 | LM_NOWARN); }
static void *by_realloc(void) { return lm_realloc(NULL, 700, LM_DMA32 | LM_NOWARN); }
static void *by_pages(void) { return lm_pages_alloc(9, LM_DMA32 | LM_NOWARN); }
static void *by_exact(void) { return lm_pages_alloc_exact(3 * PAGE, LM_DMA32 | LM_NOWARN); }
static void *by_kvmalloc(void) { return lm_kvmalloc(2 * MIB, LM_DMA32 | LM_NOWARN); }

static void *(*const functions[])(void) = {by_malloc,  by_malloc_once, by_malloc_large, by_aligned, by_calloc,
					   by_realloc, by_pages,       by_exact,	by_kvmalloc};
enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

static void refused(void)
{
	for (int i = 0; i < FUNCTIONS; i++) {
		errno = 0;
		raise(SIGUSR1);
		void *block = functions[i]();
		raise(SIGUSR1);
		MUST(block == NULL && errno == ENOMEM);
	}
}

static int traced(void)
{
	MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
	free(malloc(1));
	fill();
	raise(SIGSTOP);
	refused();
	/* A hole is found at once, by whoever asks first, and holds many small blocks. */
	char *hole = longest + 5 * PAGE;
	for (int i = 0; i < 3; i++) {
		MUST(munmap(hole + 20 * PAGE * i, 16 * PAGE) == 0);
		char *block = by_malloc();
		MUST(block != NULL && block >= longest && (uintptr_t)block < LOW_END);
		memset(block, 1, malloc_usable_size(block));
		free(block);
	}
	MUST(munmap(longest + 64 * MIB, 128 * MIB) == 0);
	for (int i = 0; i < FUNCTIONS; i++) {
		char *block = functions[i]();
		MUST(block != NULL && (uintptr_t)block < LOW_END);
		memset(block, 1, malloc_usable_size(block));
		free(block);
	}
	return 0;
}

/* Each system call stops the child twice. Returns the wait status of its end. */
static int count_calls(pid_t child, int counts[FUNCTIONS])
{
	int status, marks = 0, stops = 0, signal_in = 0;
	for (;;) {
		MUST(ptrace(PTRACE_SYSCALL, child, 0, signal_in) == 0 && waitpid(child, &status, 0) == child);
		if (!WIFSTOPPED(status))
			return status;
		bool is_call = WSTOPSIG(status) == (SIGTRAP | 0x80), is_mark = WSTOPSIG(status) == SIGUSR1;
		signal_in = is_call || is_mark ? 0 : WSTOPSIG(status);
		stops += is_call;
		if (is_mark && marks % 2 == 1)
			counts[marks / 2] = stops / 2;
		if (is_mark) {
			marks++;
			stops = 0;
		}
	}
}

int main(void)
{
	int status, counts[FUNCTIONS] = {0};
	pid_t child = fork();
	if (child == 0)
		return traced();
	MUST(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	MUST(ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
	MUST(count_calls(child, counts) == 0);
	for (int i = 0; i < FUNCTIONS; i++) {
		printf("%d\n", counts[i]);
		MUST(counts[i] > 0 && counts[i] <= CALLS_MAX);
	}
	return 0;
}
