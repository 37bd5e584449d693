/*
 * generations.c - batches of small blocks whose generations overlap, in several threads, after the shape of the
 * MicroQuill SmartHeap benchmarks ("sh6bench", "sh8bench"): sizes of 1 to 1000 bytes, small ones more often. Of each
 * batch a part dies at once in its own order, a part in the reverse order, and the rest two batches later. One
 * operation is one malloc and its free.
 *
 *      generations [threads, 2]
 */
#include "../lib/load.h"

enum { OBJECTS = 6000, AGES = 3, MOST = 1000, ROUNDS = 1500 };

static size_t rounds;

struct generation {
	struct tagged objects[OBJECTS];
};

static size_t small_often(uint64_t *random)
{
	uint32_t bits = bench_random(random);
	size_t bound = bits % 8 == 0 ? MOST : bits % 8 < 3 ? MOST / 4 : MOST / 16;
	return 1 + (bits >> 3) % bound;
}

/* Every third object in order, then every third in reverse order. */
static void free_young(struct generation *young)
{
	for (int i = 0; i < OBJECTS; i += 3)
		tagged_drop(&young->objects[i]);
	for (int i = OBJECTS - 2; i >= 0; i -= 3)
		tagged_drop(&young->objects[i]);
}

static void free_rest(struct generation *old)
{
	for (int i = 0; i < OBJECTS; i++)
		tagged_drop(&old->objects[i]);
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct generation *all = calloc(AGES, sizeof *all);
	load_check(all != NULL, "out of memory");
	for (size_t round = 0; round < rounds; round++) {
		struct generation *now = &all[round % AGES];
		free_rest(now);
		for (int i = 0; i < OBJECTS; i++)
			now->objects[i] = tagged_new(small_often(&random));
		free_young(now);
	}
	for (int i = 0; i < AGES; i++)
		free_rest(&all[i]);
	free(all);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	rounds = load_work(ROUNDS) * 2 / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)rounds * threads * OBJECTS);
	return 0;
}
