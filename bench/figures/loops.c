/*
 * loops.c - the loops of PEERS.md's table, one a process: `loops NAME`, a line "ns VALUE" per operation.
 *
 * An operation is one malloc and its free, or a thread. The first pass of each loop warms up and is not counted, but
 * for the list, whose memory the program gets once. All times are CPU time of all threads.
 */
#include "figures.h"

#include <pthread.h>
#include <semaphore.h>

/* Objects die at random and others of 16 B to 1 KB take their place. */
static double churn(size_t live, size_t operations)
{
	uint64_t state = 42;
	void **objects = calloc(live, sizeof *objects);
	for (size_t i = 0; i < live; i++)
		objects[i] = allocate(16 + random_next(&state) % 1009);
	uint64_t begin = 0;
	for (size_t i = 0; i < operations * 2; i++) {
		if (i == operations)
			begin = cpu_ns();
		uint32_t random = random_next(&state);
		size_t at = (size_t)((uint64_t)random * live >> 32);
		free(objects[at]);
		objects[at] = allocate(16 + (random ^ random >> 16) % 1009);
		*(char *)objects[at] = 1;
	}
	return (double)(cpu_ns() - begin) / (double)operations;
}

static double churn_10000(void) { return churn(10000, 4000000); }
static double churn_1000000(void) { return churn(1000000, 2000000); }

struct node {
	struct node *next;
	char content[40];
};

/* Built and freed, three times over. */
static double list_4m(void)
{
	enum { NODES = 4000000, PASSES = 3 };
	uint64_t begin = cpu_ns();
	for (int pass = 0; pass < PASSES; pass++) {
		struct node *list = NULL;
		for (size_t i = 0; i < NODES; i++) {
			struct node *node = allocate(sizeof *node);
			node->next = list;
			list = node;
		}
		while (list != NULL) {
			struct node *next = list->next;
			free(list);
			list = next;
		}
	}
	return (double)(cpu_ns() - begin) / NODES / PASSES;
}

static double in_order(void)
{
	enum { OBJECTS = 100000, PASSES = 40 };
	static void *objects[OBJECTS];
	uint64_t begin = 0;
	for (int pass = 0; pass <= PASSES; pass++) {
		if (pass == 1)
			begin = cpu_ns();
		for (size_t i = 0; i < OBJECTS; i++) {
			objects[i] = allocate(48);
			*(char *)objects[i] = 1;
		}
		for (size_t i = 0; i < OBJECTS; i++)
			free(objects[i]);
	}
	return (double)(cpu_ns() - begin) / OBJECTS / PASSES;
}

enum { BATCH = 1000, RING = 8, BATCHES = 3000 };

static void *ring[RING][BATCH];
static sem_t produced;
static sem_t consumed;

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		continue;
}

static void *consume(void *argument)
{
	for (size_t i = 0; i < BATCHES; i++) {
		wait_for(&produced);
		for (int k = 0; k < BATCH; k++)
			free(ring[i % RING][k]);
		sem_post(&consumed);
	}
	return argument;
}

/* One thread allocates 16 to 527 B, another frees: the work of both. */
static double handed_over(void)
{
	pthread_t consumer;
	uint64_t state = 42;
	sem_init(&produced, 0, 0);
	sem_init(&consumed, 0, RING);
	pthread_create(&consumer, NULL, consume, NULL);
	uint64_t begin = cpu_ns();
	for (size_t i = 0; i < BATCHES; i++) {
		wait_for(&consumed);
		for (int k = 0; k < BATCH; k++) {
			ring[i % RING][k] = allocate(16 + random_next(&state) % 512);
			*(char *)ring[i % RING][k] = 1;
		}
		sem_post(&produced);
	}
	pthread_join(consumer, NULL);
	return (double)(cpu_ns() - begin) / BATCHES / BATCH;
}

/* One byte of each page is written. */
static double touched(size_t bytes, int operations)
{
	uint64_t begin = 0;
	for (int i = 0; i < operations * 2; i++) {
		if (i == operations)
			begin = cpu_ns();
		char *block = allocate(bytes);
		for (size_t at = 0; at < bytes; at += 4096)
			((volatile char *)block)[at] = 1;
		free(block);
	}
	return (double)(cpu_ns() - begin) / operations;
}

static double touched_1m(void) { return touched(1 << 20, 20000); }
static double touched_200k(void) { return touched(200 << 10, 100000); }

static void *short_life(void *argument)
{
	void *objects[64];
	for (size_t i = 0; i < 64; i++) {
		objects[i] = allocate(16 + i * 16);
		*(char *)objects[i] = 1;
	}
	for (size_t i = 0; i < 64; i++)
		free(objects[i]);
	return argument;
}

static double threads(void)
{
	enum { THREADS = 2000 };
	uint64_t begin = 0;
	for (int i = 0; i < THREADS * 2; i++) {
		pthread_t thread;
		if (i == THREADS)
			begin = cpu_ns();
		pthread_create(&thread, NULL, short_life, NULL);
		pthread_join(thread, NULL);
	}
	return (double)(cpu_ns() - begin) / THREADS;
}

/* calloc(1 GiB) and free, untouched; an allocator that clears it all is stopped after 0.3 s. */
static double calloc_1g(void)
{
	int operations = 0;
	uint64_t begin = cpu_ns();
	while (operations < 1000 && cpu_ns() - begin < 300000000) {
		void *volatile block = calloc(1, (size_t)1 << 30);
		if (block == NULL)
			_exit(2);
		free(block);
		operations++;
	}
	return (double)(cpu_ns() - begin) / operations;
}

static double pairs(size_t bytes)
{
	enum { PAIRS = 4000000 };
	uint64_t begin = 0;
	for (int i = 0; i < PAIRS * 2; i++) {
		if (i == PAIRS)
			begin = cpu_ns();
		void *volatile block = malloc(bytes);
		free(block);
	}
	return (double)(cpu_ns() - begin) / PAIRS;
}

static double pairs_16(void) { return pairs(16); }
static double pairs_1k(void) { return pairs(1024); }
static double pairs_20k(void) { return pairs(20000); }
static double pairs_100k(void) { return pairs(100000); }

static const struct loop {
	const char *name;
	double (*run)(void);
} loops[] = {
	{"pairs_16", pairs_16},
	{"pairs_1k", pairs_1k},
	{"pairs_20k", pairs_20k},
	{"pairs_100k", pairs_100k},
	{"in_order", in_order},
	{"churn_10000", churn_10000},
	{"churn_1000000", churn_1000000},
	{"list_4m", list_4m},
	{"handed_over", handed_over},
	{"touched_1m", touched_1m},
	{"touched_200k", touched_200k},
	{"threads", threads},
	{"calloc_1g", calloc_1g},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof loops / sizeof loops[0]; i++)
		if (strcmp(argv[1], loops[i].name) == 0) {
			print_ns("ns", loops[i].run());
			return 0;
		}
	return 2;
}
