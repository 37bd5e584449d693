/*
 * pareto.c - sizes and lifetimes with a Pareto distribution, as measured in real programs (Barrett and Zorn 1993:
 * most objects are small and die soon, some live very long). Time is the count of allocations; what is due to die is
 * found in a wheel of lists that go through the objects themselves. One operation is one malloc and one free.
 *
 *      pareto [threads, 1]
 */
#include "../lib/load.h"

#include <math.h>

enum { WHEEL = 1 << 17, LEAST_BYTES = 16, MOST_BYTES = 65536, LEAST_LIFE = 4, TABLE = 4096, OPERATIONS = 24000000 };

struct object {
	struct object *next;
	uint32_t bytes;
	uint32_t tag;
};

/* Quantiles of the distribution, so that drawing costs one look-up. */
static uint32_t sizes[TABLE], lives[TABLE];
static size_t operations;

static void fill_quantiles(uint32_t *table, double least, double most, double shape)
{
	for (int i = 0; i < TABLE; i++) {
		double value = least / pow(1 - (i + 0.5) / TABLE, 1 / shape);
		table[i] = (uint32_t)(value < most ? value : most);
	}
}

static uint32_t tag_of(const struct object *object) { return (uint32_t)(load_tag(object, object->bytes) >> 32); }

static void free_list(struct object *object)
{
	while (object != NULL) {
		struct object *next = object->next;
		load_check(object->tag == tag_of(object), "an object changed");
		free(object);
		object = next;
	}
}

static void *live(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct object **wheel = calloc(WHEEL, sizeof *wheel);
	load_check(wheel != NULL, "out of memory");
	for (size_t now = 0; now < operations; now++) {
		uint32_t bits = bench_random(&random);
		struct object *object = load_alloc(sizes[bits % TABLE]);
		struct object **due = &wheel[(now + lives[bits / TABLE % TABLE]) % WHEEL];
		*object = (struct object){.next = *due, .bytes = sizes[bits % TABLE]};
		object->tag = tag_of(object);
		*due = object;
		struct object *dead = wheel[now % WHEEL];
		wheel[now % WHEEL] = NULL;
		free_list(dead);
	}
	for (size_t i = 0; i < WHEEL; i++)
		free_list(wheel[i]);
	free(wheel);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 1);
	operations = load_work(OPERATIONS) / (size_t)threads;
	fill_quantiles(sizes, LEAST_BYTES, MOST_BYTES, 1.1);
	fill_quantiles(lives, LEAST_LIFE, WHEEL - 1, 0.8);
	uint64_t begin = bench_now_ns();
	load_threads(threads, live);
	load_report(begin, (double)operations * threads);
	return 0;
}
