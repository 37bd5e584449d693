/*
 * scratch.c - cache-scratch of Berger et al., "Hoard", ASPLOS 2000: passive false sharing. One thread allocates a
 * small object for each worker, neighbours in memory; each worker frees its own, allocates one of that size and writes
 * it many times. An allocator that gives each worker the line of the other makes them fight for it. One operation is
 * one round of malloc, writes and free.
 *
 *      scratch [threads, 2]
 */
#include "../lib/load.h"

enum { BYTES = 8, WRITES = 1000, ROUNDS = 400000 };

static void *given[LOAD_MAX_THREADS];
static size_t rounds;

static void *scratch(void *argument)
{
	intptr_t index = (intptr_t)argument;
	free(given[index]);
	for (size_t round = 0; round < rounds; round++) {
		volatile char *block = load_alloc(BYTES);
		for (int i = 0; i < WRITES; i++)
			block[i % BYTES] = (char)(block[i % BYTES] + 1);
		block[0] = (char)index;
		load_check(block[0] == (char)index, "a write was lost");
		free((void *)block);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	rounds = load_work(ROUNDS) * 2 / (size_t)threads;
	for (int i = 0; i < threads; i++)
		given[i] = tagged_alloc(BYTES);
	uint64_t begin = bench_now_ns();
	load_threads(threads, scratch);
	load_report(begin, (double)rounds * threads);
	return 0;
}
