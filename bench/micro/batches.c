/*
 * batches.c - many blocks of 48 bytes allocated, then all freed: the last first, the first first, or in random order.
 * Each block is written once. For the random order blocks are put into the table at random places and freed along the
 * table, so that the order costs the measurement itself no cache miss. "list" has its 4,000,000 nodes linked, as
 * in a program, built and freed from its head.
 *
 * One operation is one malloc and its free.
 */
#include "bodies.h"

enum { BYTES = 48, NODES = 4000000, PASS = 10000, LIST_TIMES = 8 };

/* A batch is `count` blocks; where few fit into a pass, several batches run between two looks at the clock. */
struct batch {
	void **blocks;
	uint32_t *place;
	size_t count;
	size_t repeats;
};

/* The tables are made in the first call, for all of them: a process has one count. */
static struct batch batch_of(size_t count)
{
	static void **blocks;
	static uint32_t *place;
	if (blocks == NULL) {
		blocks = table_new(count * sizeof *blocks);
		place = table_new(count * sizeof *place);
	}
	return (struct batch){blocks, place, count, count < PASS ? PASS / count : 1};
}

static void free_last_first(const struct batch *batch)
{
	for (size_t i = batch->count; i > 0; i--)
		free(batch->blocks[i - 1]);
}

static void free_first_first(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		free(batch->blocks[i]);
}

static void fill(const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		batch->blocks[i] = touched_alloc(BYTES);
}

static void lifo(struct bench_state *state, size_t count)
{
	struct batch batch = batch_of(count);
	while (bench_next(state, count * batch.repeats))
		for (size_t i = 0; i < batch.repeats; i++) {
			fill(&batch);
			free_last_first(&batch);
		}
}

static void fifo(struct bench_state *state, size_t count)
{
	struct batch batch = batch_of(count);
	while (bench_next(state, count * batch.repeats))
		for (size_t i = 0; i < batch.repeats; i++) {
			fill(&batch);
			free_first_first(&batch);
		}
}

static void shuffle(const struct batch *batch)
{
	uint64_t random = load_seed(0);
	for (uint32_t i = 0; i < batch->count; i++) {
		size_t other = load_below(&random, i + 1);
		batch->place[i] = batch->place[other];
		batch->place[other] = i;
	}
}

static void at_random(struct bench_state *state, size_t count)
{
	struct batch batch = batch_of(count);
	shuffle(&batch);
	while (bench_next(state, count * batch.repeats))
		for (size_t i = 0; i < batch.repeats; i++) {
			for (size_t k = 0; k < count; k++)
				batch.blocks[batch.place[k]] = touched_alloc(BYTES);
			free_first_first(&batch);
		}
}

struct node {
	struct node *next;
	char content[BYTES - sizeof(struct node *)];
};

static void list_once(size_t nodes)
{
	struct node *head = NULL;
	for (size_t i = 0; i < nodes; i++) {
		struct node *node = load_alloc(sizeof *node);
		node->next = head;
		head = node;
	}
	while (head != NULL) {
		struct node *next = head->next;
		free(head);
		head = next;
	}
}

/* As many times for each allocator: how often google-benchmark would depends on the page faults of the first time. */
static void list(struct bench_state *state, size_t nodes)
{
	while (bench_next(state, nodes * LIST_TIMES))
		for (int i = 0; i < LIST_TIMES; i++)
			list_once(nodes);
}

void register_batches(void)
{
	bench_register("lifo/1e3", lifo, 1000);
	bench_register("lifo/1e5", lifo, 100000);
	bench_register("lifo/1e6", lifo, 1000000);
	bench_register("fifo/1e3", fifo, 1000);
	bench_register("fifo/1e5", fifo, 100000);
	bench_register("fifo/1e6", fifo, 1000000);
	bench_register("random/1e3", at_random, 1000);
	bench_register("random/1e5", at_random, 100000);
	bench_register("random/1e6", at_random, 1000000);
	bench_register("list/4e6", list, NODES);
}
