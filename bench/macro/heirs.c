/*
 * heirs.c - threads that die and leave their objects to others: each thread of a line frees what its predecessor left,
 * in random order, while it allocates its own, and ends. What an ended thread held must be found again by those that
 * come. One operation is one malloc and one free.
 *
 *      heirs [threads at a time, 2]
 */
#include "../lib/load.h"

enum { OBJECTS = 4000, GENERATIONS = 800, LEAST = 16, MOST = 1024 };

struct line {
	struct tagged objects[OBJECTS];
	uint64_t random;
};

static struct line lines[LOAD_MAX_THREADS];
static int lines_count;

static void *inherit(void *argument)
{
	struct line *line = argument;
	for (int i = 0; i < OBJECTS; i++) {
		size_t other = load_below(&line->random, OBJECTS);
		struct tagged kept = line->objects[i];
		line->objects[i] = line->objects[other];
		line->objects[other] = kept;
	}
	for (int i = 0; i < OBJECTS; i++) {
		struct tagged mine = tagged_new(LEAST + load_below(&line->random, MOST - LEAST));
		tagged_drop(&line->objects[i]);
		line->objects[i] = mine;
	}
	return NULL;
}

/* The heir of a line may be served by another thread at a time: so objects go from line to line too. */
static void generation(size_t number)
{
	pthread_t threads[LOAD_MAX_THREADS];
	for (int i = 0; i < lines_count; i++)
		threads[i] = load_thread(inherit, &lines[((size_t)i + number) % (size_t)lines_count]);
	for (int i = 0; i < lines_count; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	lines_count = load_argument(argc, argv, 1, 2);
	size_t generations = load_work(GENERATIONS) * 2 / (size_t)lines_count;
	uint64_t begin = bench_now_ns();
	for (int i = 0; i < lines_count; i++)
		lines[i].random = load_seed(i);
	for (size_t i = 0; i < generations; i++)
		generation(i);
	for (int i = 0; i < lines_count; i++)
		for (int k = 0; k < OBJECTS; k++)
			tagged_drop(&lines[i].objects[k]);
	load_report(begin, (double)generations * lines_count * OBJECTS);
	return 0;
}
