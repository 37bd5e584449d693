/*
 * leftovers.c - the resident set when all that was allocated is freed again. Nothing follows the last free, and nothing
 * waits.
 *
 *      leftovers consumers    one thread allocates 200 MB, in blocks of 16 B to 4 KB, three others free them; at most
 *                             2 MB are live. All four threads still live at the end.
 *      leftovers threads      64 threads one after another: each allocates 4 MB of such blocks, frees them and ends
 *      leftovers sawtooth     64 MB in blocks of one size, all freed; eight times, from 50 B on, each time of twice the
 *                             size
 *
 * Blocks are written as a whole. They are linked through their own first words, so that no table is held.
 *
 *      end_kib, rss_kib       the resident set at the end, and its peak
 *      time_ns                wall time of one block
 */
#include "../lib/load.h"

#include <semaphore.h>

enum {
	LEAST = 16,
	MOST = 4096,
	IN_A_BATCH = 64,
	BATCHES = 1500, /* of 132 KB each */
	MOST_WAITING = 16,
	CONSUMERS = 3,
	THREADS = 64,
	OF_A_THREAD = 2000, /* blocks: 4 MB */
	TEETH = 8,
	TOOTH_BYTES = 64000000,
	FIRST_TOOTH = 50,
};

/* The beginning of a block. The first one of a batch also knows the batch below it. */
struct block {
	struct block *next, *below;
};

static struct {
	pthread_mutex_t lock;
	struct block *top;
	sem_t waiting, room;
} stack = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_barrier_t all_done, end_is_measured;
static size_t blocks;

/* `count` blocks as a list. */
static struct block *allocate(size_t count, size_t least, size_t most, uint64_t *random)
{
	struct block *list = NULL;
	for (size_t i = 0; i < count; i++) {
		size_t bytes = least + load_below(random, most - least + 1);
		struct block *block = memset(load_alloc(bytes), 0x5a, bytes);
		block->next = list;
		list = block;
	}
	return list;
}

static void free_list(struct block *list)
{
	while (list != NULL) {
		struct block *next = list->next;
		free(list);
		list = next;
	}
}

/* NULL stands for the end. */
static void push(struct block *batch)
{
	pthread_mutex_lock(&stack.lock);
	if (batch != NULL) {
		batch->below = stack.top;
		stack.top = batch;
	}
	pthread_mutex_unlock(&stack.lock);
	sem_post(&stack.waiting);
}

/* NULL when all batches were taken. */
static struct block *pop(void)
{
	sem_wait(&stack.waiting);
	pthread_mutex_lock(&stack.lock);
	struct block *batch = stack.top;
	if (batch != NULL)
		stack.top = batch->below;
	pthread_mutex_unlock(&stack.lock);
	return batch;
}

static void wait_until_measured(void)
{
	pthread_barrier_wait(&all_done);
	pthread_barrier_wait(&end_is_measured);
}

static void *produce(void *unused)
{
	uint64_t random = load_seed(0);
	size_t batches = load_work(BATCHES);
	(void)unused;
	for (size_t i = 0; i < batches; i++) {
		sem_wait(&stack.room);
		push(allocate(IN_A_BATCH, LEAST, MOST, &random));
	}
	for (int i = 0; i < CONSUMERS; i++)
		push(NULL);
	blocks = batches * IN_A_BATCH;
	wait_until_measured();
	return NULL;
}

static void *consume(void *unused)
{
	struct block *batch;
	(void)unused;
	while ((batch = pop()) != NULL) {
		free_list(batch);
		sem_post(&stack.room);
	}
	wait_until_measured();
	return NULL;
}

static void report(uint64_t begin)
{
	bench_report("end_kib", (double)bench_rss_kib());
	load_report(begin, (double)blocks);
}

static void consumers(uint64_t begin)
{
	pthread_t all[1 + CONSUMERS];
	sem_init(&stack.waiting, 0, 0);
	sem_init(&stack.room, 0, MOST_WAITING);
	pthread_barrier_init(&all_done, NULL, CONSUMERS + 2);
	pthread_barrier_init(&end_is_measured, NULL, CONSUMERS + 2);
	for (int i = 0; i <= CONSUMERS; i++)
		all[i] = load_thread(i == 0 ? produce : consume, NULL);
	pthread_barrier_wait(&all_done);
	report(begin);
	pthread_barrier_wait(&end_is_measured);
	for (int i = 0; i <= CONSUMERS; i++)
		pthread_join(all[i], NULL);
}

static void *live_shortly(void *number)
{
	uint64_t random = load_seed((int)(intptr_t)number);
	free_list(allocate(OF_A_THREAD, LEAST, MOST, &random));
	return NULL;
}

static void threads(uint64_t begin)
{
	for (intptr_t i = 0; i < THREADS; i++)
		pthread_join(load_thread(live_shortly, (void *)i), NULL);
	blocks = THREADS * OF_A_THREAD;
	report(begin);
}

static void sawtooth(uint64_t begin)
{
	uint64_t random = load_seed(0);
	for (int i = 0; i < TEETH; i++) {
		size_t bytes = FIRST_TOOTH << i, count = load_work(TOOTH_BYTES) / bytes;
		free_list(allocate(count, bytes, bytes, &random));
		blocks += count;
	}
	report(begin);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint64_t begin = bench_now_ns();
	if (strcmp(what, "consumers") == 0)
		consumers(begin);
	else if (strcmp(what, "threads") == 0)
		threads(begin);
	else if (strcmp(what, "sawtooth") == 0)
		sawtooth(begin);
	else
		return 2;
	return 0;
}
