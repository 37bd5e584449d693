/*
 * thrash.c - cache-thrash of Berger et al., "Hoard", ASPLOS 2000: active false sharing. Each worker allocates a small
 * object, writes it many times, frees it, and again. An allocator that serves two threads from one line makes them
 * fight for it. One operation is one round of malloc, writes and free.
 *
 *      thrash [threads, 2]
 */
#include "../lib/load.h"

enum { BYTES = 8, OBJECTS = 4, WRITES = 250, ROUNDS = 400000 };

static size_t rounds;

static void write_many(volatile char *block)
{
	for (int i = 0; i < WRITES; i++)
		block[i % (BYTES - 1)] = (char)(block[i % (BYTES - 1)] + 1);
}

static void *thrash(void *argument)
{
	char mark = (char)(intptr_t)argument;
	for (size_t round = 0; round < rounds; round++) {
		char *blocks[OBJECTS];
		for (int i = 0; i < OBJECTS; i++) {
			blocks[i] = load_alloc(BYTES);
			blocks[i][BYTES - 1] = mark;
		}
		for (int i = 0; i < OBJECTS; i++) {
			write_many(blocks[i]);
			load_check(blocks[i][BYTES - 1] == mark, "a block is shared");
			free(blocks[i]);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	rounds = load_work(ROUNDS) * 2 / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, thrash);
	load_report(begin, (double)rounds * threads);
	return 0;
}
