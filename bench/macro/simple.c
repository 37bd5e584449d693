/*
 * simple.c - the shape of glibc's own benchmarks of malloc: "bench-malloc-simple" (as many blocks of one size as there
 * are slots, freed in the order of allocation, then again) and, with threads, "bench-malloc-thread" (random slots
 * replaced, sizes that get rarer with the inverse of their square). One operation is one malloc and its free.
 *
 *      simple              one thread, sizes in turn
 *      simple THREADS      random replacement
 */
#include "../lib/load.h"

enum { LEAST = 4, MOST = 4096, SIZES = 4096, SLOTS = 1024 };
enum { REPLACEMENTS = 12000000, MOST_COUNT = 1600, BLOCKS = 600000 };

static const size_t counts[] = {25, 100, 400, MOST_COUNT}, sizes[] = {16, 64, 128, 512, 1024};
static uint32_t size_table[SIZES];
static size_t replacements;

/* P(size > s) = LEAST / s: the density goes with the inverse square. */
static void fill_sizes(void)
{
	for (int i = 0; i < SIZES; i++) {
		double size = LEAST / (1 - (i + 0.5) / SIZES);
		size_table[i] = (uint32_t)(size < MOST ? size : MOST);
	}
}

static void *replace_at_random(void *argument)
{
	struct tagged slots[SLOTS] = {0};
	uint64_t random = load_seed((int)(intptr_t)argument);
	for (size_t i = 0; i < replacements; i++) {
		uint32_t bits = bench_random(&random);
		struct tagged *slot = &slots[bits % SLOTS];
		tagged_drop(slot);
		*slot = tagged_new(size_table[bits / SLOTS % SIZES]);
	}
	for (int i = 0; i < SLOTS; i++)
		tagged_drop(&slots[i]);
	return NULL;
}

static size_t fill_and_empty(size_t count, size_t bytes, size_t rounds)
{
	static void *blocks[MOST_COUNT];
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++)
			blocks[i] = tagged_alloc(bytes);
		for (size_t i = 0; i < count; i++)
			tagged_free(blocks[i], bytes);
	}
	return count * rounds;
}

int main(int argc, char **argv)
{
	int threads = argc > 1 ? load_argument(argc, argv, 1, 2) : 0;
	size_t operations = 0, blocks = load_work(BLOCKS);
	fill_sizes();
	uint64_t begin = bench_now_ns();
	for (size_t count = 0; threads == 0 && count < sizeof counts / sizeof counts[0]; count++)
		for (size_t size = 0; size < sizeof sizes / sizeof sizes[0]; size++)
			operations += fill_and_empty(counts[count], sizes[size], blocks / counts[count]);
	if (threads != 0) {
		replacements = load_work(REPLACEMENTS) * 2 / (size_t)threads;
		operations = replacements * (size_t)threads;
		load_threads(threads, replace_at_random);
	}
	load_report(begin, (double)operations);
	return 0;
}
