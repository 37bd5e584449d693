/*
 * asymmetric.c - producers and consumers, heavily: half of the threads only allocate, the others only free, after the
 * shape of xmalloc-test (Lever and Boreham, "malloc() performance in a multithreaded Linux environment", 2000).
 * Batches of blocks of 8 to 512 bytes go through one bounded stack that all threads share. One operation is one
 * block allocated and freed.
 *
 *      asymmetric [threads, 2] [large: blocks of 1 to 16 KiB]
 */
#include "../lib/load.h"

enum { BATCH = 256, MOST_WAITING = 128, BATCHES = 16000, LARGE_PART = 3 };

struct batch {
	struct batch *next;
	struct tagged objects[BATCH];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	struct batch *top;
	int waiting;
} stack = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 0};

static size_t batches;
static size_t least = 8, most = 512;

static void stack_push(struct batch *batch)
{
	pthread_mutex_lock(&stack.lock);
	while (stack.waiting == MOST_WAITING)
		pthread_cond_wait(&stack.less, &stack.lock);
	batch->next = stack.top;
	stack.top = batch;
	stack.waiting++;
	pthread_cond_signal(&stack.more);
	pthread_mutex_unlock(&stack.lock);
}

static struct batch *stack_pop(void)
{
	pthread_mutex_lock(&stack.lock);
	while (stack.top == NULL)
		pthread_cond_wait(&stack.more, &stack.lock);
	struct batch *batch = stack.top;
	stack.top = batch->next;
	stack.waiting--;
	pthread_cond_signal(&stack.less);
	pthread_mutex_unlock(&stack.lock);
	return batch;
}

static void produce(uint64_t random)
{
	for (size_t i = 0; i < batches; i++) {
		struct batch *batch = load_alloc(sizeof *batch);
		for (int k = 0; k < BATCH; k++)
			batch->objects[k] = tagged_new(least + load_below(&random, most - least + 1));
		stack_push(batch);
	}
}

static void consume(void)
{
	for (size_t i = 0; i < batches; i++) {
		struct batch *batch = stack_pop();
		for (int k = 0; k < BATCH; k++)
			tagged_drop(&batch->objects[k]);
		free(batch);
	}
}

static void *work(void *argument)
{
	int index = (int)(intptr_t)argument;
	if (index % 2 == 0)
		produce(load_seed(index));
	else
		consume();
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = (load_argument(argc, argv, 1, 2) + 1) / 2 * 2;
	batches = load_work(BATCHES) * 2 / (size_t)threads;
	if (argc > 2) {
		least = 1024;
		most = 16384;
		batches /= LARGE_PART;
	}
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)batches * threads / 2 * BATCH);
	return 0;
}
