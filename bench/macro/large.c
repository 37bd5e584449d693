/*
 * large.c - 20 blocks of 5 to 25 MB kept and replaced at random, as in "malloc-large" of mimalloc's suite (Leijen
 * 2019). Only both ends of a block are written; "zeroed" clears all of it, as a program's buffer would be: then page
 * faults are most of the time, unless the allocator keeps what it has. One operation is one block.
 *
 *      large [threads, 1] [zeroed]
 */
#include "../lib/load.h"

enum { KEPT = 20, LEAST = 5000000, MOST = 25000000, REPLACEMENTS = 120000, ZEROED_REPLACEMENTS = 600 };

static size_t replacements;
static bool zeroed;

static struct tagged block_new(uint64_t *random)
{
	struct tagged block = tagged_new(LEAST + load_below(random, MOST - LEAST));
	if (zeroed) {
		memset(block.block, 0, block.bytes);
		tagged_write(block.block, block.bytes);
	}
	return block;
}

static void *work(void *argument)
{
	struct tagged blocks[KEPT] = {0};
	uint64_t random = load_seed((int)(intptr_t)argument);
	for (size_t i = 0; i < replacements; i++) {
		struct tagged *block = &blocks[load_below(&random, KEPT)];
		tagged_drop(block);
		*block = block_new(&random);
	}
	for (int i = 0; i < KEPT; i++)
		tagged_drop(&blocks[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 1);
	zeroed = argc > 2;
	replacements = load_work(zeroed ? ZEROED_REPLACEMENTS : REPLACEMENTS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)replacements * threads);
	return 0;
}
