/*
 * pairs.c - the shortest way through an allocator: a block is allocated and freed at once, so the same few blocks come
 * back. Nothing is missed in the caches, and the memory itself is not touched but for "nest", where eight blocks of
 * eight sizes live at a time, and "sizes", where each pair has another size.
 */
#include "bodies.h"

#include <malloc.h>

enum { BATCH = 1000, NEST = 8, DRAWN = 4096 };

static void pair(struct bench_state *state, size_t bytes)
{
	while (bench_next(state, BATCH))
		for (int i = 0; i < BATCH; i++)
			free(load_alloc(bytes));
}

static void usable_size(struct bench_state *state, size_t bytes)
{
	while (bench_next(state, BATCH))
		for (int i = 0; i < BATCH; i++) {
			void *block = load_alloc(bytes);
			load_check(malloc_usable_size(block) >= bytes, "a block is too small");
			free(block);
		}
}

/* 16, 32, 64 ... 2048 bytes, freed in the reverse order. */
static void nest(struct bench_state *state, size_t least)
{
	while (bench_next(state, BATCH * NEST))
		for (int i = 0; i < BATCH; i++) {
			void *blocks[NEST];
			for (int k = 0; k < NEST; k++)
				blocks[k] = touched_alloc(least << k);
			for (int k = NEST - 1; k >= 0; k--)
				free(blocks[k]);
		}
}

/* Random sizes of 16 bytes to `most`, drawn before. */
static void sizes(struct bench_state *state, size_t most)
{
	static uint32_t drawn[DRAWN];
	uint64_t random = load_seed(0);
	for (int i = 0; i < DRAWN; i++)
		drawn[i] = 16 + (uint32_t)load_below(&random, most - 15);
	while (bench_next(state, DRAWN))
		for (int i = 0; i < DRAWN; i++)
			free(touched_alloc(drawn[i]));
}

void register_pairs(void)
{
	bench_register("pair/16", pair, 16);
	bench_register("pair/48", pair, 48);
	bench_register("pair/128", pair, 128);
	bench_register("pair/512", pair, 512);
	bench_register("pair/1k", pair, 1024);
	bench_register("pair/4k", pair, 4096);
	bench_register("pair/20k", pair, 20000);
	bench_register("pair/50k", pair, 50000);
	bench_register("pair/100k", pair, 100 * 1024);
	bench_register("nest/8", nest, 16);
	bench_register("sizes/1k", sizes, 1024);
	bench_register("sizes/32k", sizes, 32 * 1024);
	bench_register("usable_size/100", usable_size, 100);
}
