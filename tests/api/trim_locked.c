/*
 * trim_locked.c - the kernel purges no locked memory (mlockall(2)). While that is tried, other threads take pages at the
 * heap's end: the break stays above them.
 */
#include "must.h"

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS = 2, ROUNDS = 1500, BLOCKS = 3, PAGE = 4096, LEAST = 70, MORE = 230, SKIPPED = 77 };

static volatile int running = THREADS;

static void *worker(void *number)
{
	unsigned random = 7919 * (unsigned)(uintptr_t)number;
	for (int round = 0; round < ROUNDS; round++) {
		char *block[BLOCKS];
		for (int i = 0; i < BLOCKS; i++) {
			random = random * 1103515245 + 12345;
			block[i] = malloc((LEAST + (random >> 8) % MORE) * PAGE);
			MUST(block[i] != NULL);
			memset(block[i], i, PAGE);
		}
		for (int i = 0; i < BLOCKS; i++) {
			MUST(block[i][PAGE - 1] == i);
			free(block[i]);
		}
	}
	__sync_fetch_and_sub(&running, 1);
	return number;
}

int main(void)
{
	pthread_t thread[THREADS];
	mallopt(M_TRIM_THRESHOLD, 0);
	mallopt(M_TOP_PAD, 0);
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
		return puts("memory cannot be locked"), SKIPPED;
	for (uintptr_t i = 0; i < THREADS; i++)
		MUST(pthread_create(&thread[i], NULL, worker, (void *)(i + 1)) == 0);
	while (running > 0)
		malloc_trim(0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
