/*
 * blocks.c - calls beside plain malloc, and large blocks.
 *
 *      calloc/BYTES    cleared blocks, freed at once. 1 GiB is never touched: an allocator that clears memory which the
 *                      system gave it clear takes 0.3 s for it
 *      aligned/...     posix_memalign or aligned_alloc, a few blocks at a time
 *      touched/BYTES   a block of which each page is written, then freed: what counts is whether the next one gets
 *                      pages that are there, or new ones from the system, by page faults. An item is a page
 */
#include "bodies.h"

enum { BATCH = 100, PAGE = 4096, KEPT = 16, KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB };

static void calloc_pair(struct bench_state *state, size_t bytes)
{
	while (bench_next(state, 1)) {
		unsigned char *block = calloc(1, bytes);
		load_check(block != NULL, "out of memory");
		bench_use(block);
		free(block);
	}
}

/* Many at a time, each dirtied before it is freed: so they must be cleared. */
static void calloc_batch(struct bench_state *state, size_t bytes)
{
	unsigned char *blocks[BATCH];
	while (bench_next(state, BATCH)) {
		for (int i = 0; i < BATCH; i++) {
			blocks[i] = calloc(bytes / 8, 8);
			load_check(blocks[i] != NULL && blocks[i][bytes - 1] == 0, "calloc did not clear");
			blocks[i][bytes - 1] = 1;
		}
		for (int i = 0; i < BATCH; i++)
			free(blocks[i]);
	}
}

static void *aligned_new(size_t alignment, size_t bytes)
{
	void *block = NULL;
	load_check(posix_memalign(&block, alignment, bytes) == 0, "out of memory");
	load_check((uintptr_t)block % alignment == 0, "a block is not aligned");
	*(volatile char *)block = 1;
	return block;
}

/* KEPT blocks at a time, of one to two alignments each. */
static void posix_aligned(struct bench_state *state, size_t alignment)
{
	void *blocks[KEPT];
	while (bench_next(state, KEPT)) {
		for (size_t i = 0; i < KEPT; i++)
			blocks[i] = aligned_new(alignment, alignment + i * alignment / KEPT);
		for (int i = 0; i < KEPT; i++)
			free(blocks[i]);
	}
}

static void aligned_pages(struct bench_state *state, size_t bytes)
{
	void *blocks[KEPT];
	while (bench_next(state, KEPT)) {
		for (int i = 0; i < KEPT; i++) {
			blocks[i] = aligned_alloc(PAGE, bytes);
			load_check(blocks[i] != NULL && (uintptr_t)blocks[i] % PAGE == 0, "a block is not aligned");
			*(volatile char *)blocks[i] = 1;
		}
		for (int i = 0; i < KEPT; i++)
			free(blocks[i]);
	}
}

static void touched(struct bench_state *state, size_t bytes)
{
	while (bench_next(state, 1)) {
		char *block = load_alloc(bytes);
		for (size_t at = 0; at < bytes; at += PAGE)
			((volatile char *)block)[at] = 1;
		free(block);
	}
	bench_set_items(state, bench_operations(state) * (bytes / PAGE));
}

void register_blocks(void)
{
	bench_register("calloc/64", calloc_batch, 64);
	bench_register("calloc/4k", calloc_batch, 4 * KIB);
	bench_register("calloc/1m", calloc_pair, MIB);
	bench_register("calloc/1g", calloc_pair, GIB);
	bench_register("aligned/64", posix_aligned, 64);
	bench_register("aligned/256", posix_aligned, 256); /* mimalloc 2.0.9 misses an alignment of 512 B or 1 KiB */
	bench_register("aligned/4k", aligned_pages, PAGE);
	bench_register("aligned/2m", posix_aligned, 2 * MIB);
	bench_register("touched/64k", touched, 64 * KIB);
	bench_register("touched/200k", touched, 200 * KIB);
	bench_register("touched/1m", touched, MIB);
	bench_register("touched/16m", touched, 16 * MIB);
}
