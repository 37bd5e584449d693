/*
 * replacement.c - a heap in steady state: `live` blocks of 16 B to 1 KiB, of which random ones die and others of random
 * size take their place. With 1,000,000 live (0.5 GB) nearly each free misses the processor's caches, in the object's
 * table, in the block and in the allocator's own data. One operation is one free and one malloc.
 *
 * The heap is filled, and churned once over, in the first call and kept.
 */
#include "bodies.h"

enum { LEAST = 16, MOST = 1024, BATCH = 1000 };

static void **blocks;

static void *block_new(uint32_t bits) { return touched_alloc(LEAST + (bits ^ bits >> 16) % (MOST - LEAST + 1)); }

static void replace(size_t live, size_t operations, uint64_t *random)
{
	for (size_t i = 0; i < operations; i++) {
		uint32_t bits = bench_random(random);
		void **slot = &blocks[(size_t)((uint64_t)bits * live >> 32)];
		free(*slot);
		*slot = block_new(bits);
	}
}

static void replacement(struct bench_state *state, size_t live)
{
	static uint64_t random;
	if (blocks == NULL) {
		random = load_seed(0);
		blocks = table_new(live * sizeof *blocks);
		for (size_t i = 0; i < live; i++)
			blocks[i] = block_new(bench_random(&random));
		replace(live, live, &random);
	}
	while (bench_next(state, BATCH))
		replace(live, BATCH, &random);
}

void register_replacement(void)
{
	bench_register("replacement/1e3", replacement, 1000);
	bench_register("replacement/1e4", replacement, 10000);
	bench_register("replacement/1e5", replacement, 100000);
	bench_register("replacement/1e6", replacement, 1000000);
}
