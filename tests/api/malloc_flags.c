/*
 * lm_malloc from outside: blocks of any flags are blocks for free, realloc and malloc_usable_size; LM_NOSYSCALL in a
 * process that may make no system call; a signal handler that allocates while threads allocate.
 */
#define _GNU_SOURCE
#include <libmalloc.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void fail(const char *condition, int line)
{
	fprintf(stderr, "line %d: not so: %s\n", line, condition);
	_exit(1);
}

static void blocks_are_blocks(void)
{
	static const unsigned flags[] = {0, LM_ZERO, LM_NORETRY, LM_NOFAIL, LM_NOWARN, LM_DMA32, LM_COLD, LM_HUGE,
					 LM_ZERO | LM_DMA32 | LM_COLD | LM_NOWARN};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		for (size_t bytes = 1; bytes < 8000000; bytes = bytes * 5 + 3) {
			char *block = (char *)lm_malloc(bytes, flags[i]);
			CHECK(block != NULL && malloc_usable_size(block) >= bytes);
			CHECK(!(flags[i] & LM_DMA32) || (uintptr_t)block >> 32 == 0);
			memset(block, 1, bytes);
			block = (char *)realloc(block, bytes * 2);
			CHECK(block != NULL && block[bytes - 1] == 1);
			block = (char *)lm_realloc(block, bytes * 4, flags[i]);
			CHECK(block != NULL && block[bytes - 1] == 1);
			CHECK(!(flags[i] & LM_DMA32) || (uintptr_t)block >> 32 == 0);
			free(block);
			free(lm_aligned(256, bytes, flags[i]));
			free(lm_calloc(bytes, 2, flags[i]));
		}
	}
}

/* Whether the kernel makes huge pages of the area at `address`, or has none. */
static int is_advised(const void *address)
{
	char line[1000];
	unsigned long start, end;
	int here = 0, advised = 0;
	FILE *areas = fopen("/proc/self/smaps", "r");
	while (fgets(line, sizeof(line), areas) != NULL) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uintptr_t)address && (uintptr_t)address < end;
		else if (here && strncmp(line, "VmFlags:", 8) == 0)
			advised = strstr(line, " hg") != NULL;
	}
	fclose(areas);
	return advised || access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0;
}

/* A block that grows and moves lies as LM_HUGE asks, whatever it was before. */
static void huge_after_realloc(void)
{
	static const unsigned before[] = {0, LM_COLD, LM_DMA32, LM_HUGE, LM_ZERO};
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		for (size_t bytes = 1000; bytes < 20000000; bytes = bytes * 3 + 100) {
			char *block = (char *)lm_malloc(bytes, before[i] | LM_ZERO);
			memset(block, 1, bytes);
			void *behind = malloc(bytes);
			char *grown = (char *)lm_realloc(block, 24 << 20, LM_HUGE | LM_ZERO);
			CHECK(grown[0] == 1 && grown[bytes - 1] == 1 && grown[bytes] == 0 && grown[(24 << 20) - 1] == 0);
			CHECK(grown == block || ((uintptr_t)grown % (2 << 20) == 0 && is_advised(grown)));
			free(grown);
			free(behind);
		}
	}
}

static void without_the_kernel(void)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		size_t served = 0;
		void *first = lm_malloc(100, LM_NOSYSCALL); /* so that the symbol is bound */
		prctl(PR_SET_SECCOMP, 1);
		for (size_t i = 0; i < 20000; i++) {
			void *block = lm_malloc(i % 3000, LM_NOSYSCALL | (i % 2 ? LM_ZERO : 0));
			if (block != NULL)
				memset(block, 1, i % 3000);
			served += block != NULL;
		}
		syscall(SYS_exit, first != NULL && served > 20 ? 0 : 3);
	}
	CHECK(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static _Atomic size_t from_handler;
static _Atomic int stop;

static void on_alarm(int number)
{
	(void)number;
	int saved = errno;
	char *block = (char *)lm_malloc(100, LM_NOSYSCALL | LM_ZERO);
	if (block != NULL) {
		for (int i = 0; i < 100; i++)
			CHECK(block[i] == 0);
		memset(block, 1, 100);
		from_handler++;
	} else {
		CHECK(errno == EAGAIN);
	}
	errno = saved;
}

static void *churn(void *argument)
{
	char *blocks[200];
	while (!stop) {
		for (int i = 0; i < 200; i++) {
			blocks[i] = (char *)malloc(100);
			memset(blocks[i], i, 100);
		}
		for (int i = 0; i < 200; i++) {
			CHECK(blocks[i][0] == (char)i && blocks[i][99] == (char)i);
			free(blocks[i]);
		}
	}
	return argument;
}

static void in_a_handler(void)
{
	pthread_t threads[3];
	struct itimerval interval = {{0, 200}, {0, 200}};
	signal(SIGALRM, on_alarm);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
	setitimer(ITIMER_REAL, &interval, NULL);
	while (from_handler < 100)
		usleep(10000);
	signal(SIGALRM, SIG_IGN);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	CHECK(from_handler > 0);
}

int main(void)
{
	blocks_are_blocks();
	huge_after_realloc();
	without_the_kernel();
	in_a_handler();
	return 0;
}
