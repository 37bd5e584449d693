/*
 * phases.c - threads in phases, stack-like and random lifetimes mixed, after the shape of mimalloc's "mstress"
 * (Leijen, Zorn and de Moura 2019): in each phase fresh threads allocate, keep some objects, free some in the order
 * of a stack, and swap others with a table that all threads share and that outlives them; then all end. Now and then
 * the table is emptied. One operation is one malloc and its free.
 *
 *      phases [threads, 2]
 */
#include "../lib/load.h"

#include <stdatomic.h>

enum { PHASES = 16, SHARED = 4096, STEPS = 240000, KEPT = 16384, STACK = 256, EMPTY_EVERY = 4 };

static _Atomic(uint64_t *) shared[SHARED];
static size_t steps;
static int phase;

/* An object of words: the first is their count, the last its complement. */
static uint64_t *words_new(uint64_t *random)
{
	size_t words = (size_t)2 << load_below(random, 5);
	uint32_t bits = bench_random(random);
	if (bits % 128 == 0)
		words *= 32;
	words += bits >> 7 & (words - 1);
	uint64_t *object = load_alloc(words * sizeof *object);
	object[0] = words;
	object[words - 1] = ~(uint64_t)words;
	return object;
}

static void words_free(uint64_t *object)
{
	if (object == NULL)
		return;
	load_check(object[object[0] - 1] == ~object[0], "an object changed");
	bench_use(object);
	free(object);
}

static void share(uint64_t *object, uint64_t *random)
{
	words_free(atomic_exchange_explicit(&shared[load_below(random, SHARED)], object, memory_order_acq_rel));
}

/* Up to STACK objects, the last freed first. */
static size_t nest(uint64_t *random)
{
	uint64_t *stack[STACK];
	size_t depth = 1 + load_below(random, STACK);
	for (size_t i = 0; i < depth; i++)
		stack[i] = words_new(random);
	for (size_t i = depth; i > 0; i--)
		words_free(stack[i - 1]);
	return depth;
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument + phase * LOAD_MAX_THREADS);
	uint64_t **kept = calloc(KEPT, sizeof *kept);
	load_check(kept != NULL, "out of memory");
	for (size_t step = 0; step < steps;) {
		uint32_t choice = bench_random(&random) % 1024;
		if (choice < 4) {
			step += nest(&random);
		} else if (choice < 300) {
			share(words_new(&random), &random);
			step++;
		} else {
			uint64_t **slot = &kept[load_below(&random, KEPT)];
			words_free(*slot);
			*slot = words_new(&random);
			step++;
		}
	}
	for (int i = 0; i < KEPT; i++)
		words_free(kept[i]);
	free(kept);
	return NULL;
}

static void empty_table(void)
{
	for (int i = 0; i < SHARED; i++)
		words_free(atomic_exchange_explicit(&shared[i], NULL, memory_order_acq_rel));
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	steps = load_work(STEPS) * 2 / (size_t)threads;
	uint64_t begin = bench_now_ns();
	for (phase = 1; phase <= PHASES; phase++) {
		load_threads(threads, work);
		if (phase % EMPTY_EVERY == 0)
			empty_table();
	}
	load_report(begin, (double)steps * threads * PHASES);
	return 0;
}
