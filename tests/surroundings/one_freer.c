/* 16 threads allocate, one does all the freeing, and the live set never changes in size: memory must stay flat.
 * Where what is freed stays with the thread that frees, it grows without a bound.
 *
 * Each producer replaces random blocks of its fixed set; what it replaced goes in batches through one queue.
 */
#include "surroundings.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define PRODUCERS 16
#define SLOTS 8000
#define BATCH 64
#define QUEUE 128
#define PER_ROUND 40000
#define ROUNDS 12

static struct batch {
	void *blocks[BATCH];
} queue[QUEUE];
static unsigned long put, got;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t room, ready;
static pthread_barrier_t round_end, round_start;
static _Atomic long live_bytes;
static _Atomic unsigned long freed;

static void hand_over(const struct batch *batch)
{
	sem_wait(&room);
	pthread_mutex_lock(&lock);
	queue[put++ % QUEUE] = *batch;
	pthread_mutex_unlock(&lock);
	sem_post(&ready);
}

static void *free_all(void *unused)
{
	for (;;) {
		sem_wait(&ready);
		struct batch batch = queue[got++ % QUEUE];
		sem_post(&room);
		for (int i = 0; i < BATCH; i++)
			free(batch.blocks[i]);
		freed++;
	}
	return unused;
}

static void *make(size_t size)
{
	void *block = malloc(size);

	CHECK(block);
	memset(block, 1, size);
	return block;
}

static void *produce(void *number)
{
	uint64_t seed = (uintptr_t)number + 12345;
	void **blocks = make(SLOTS * sizeof *blocks);
	size_t *sizes = make(SLOTS * sizeof *sizes);
	struct batch batch;

	for (int i = 0; i < SLOTS; i++) {
		sizes[i] = 16 + next_random(&seed) % 2032;
		blocks[i] = make(sizes[i]);
		live_bytes += (long)sizes[i];
	}
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&round_start);
		for (int i = 0; i < PER_ROUND; i++) {
			size_t slot = next_random(&seed) % SLOTS, size = 16 + next_random(&seed) % 2032;
			live_bytes += (long)size - (long)sizes[slot];
			batch.blocks[i % BATCH] = blocks[slot];
			sizes[slot] = size;
			blocks[slot] = make(size);
			if (i % BATCH == BATCH - 1)
				hand_over(&batch);
		}
		pthread_barrier_wait(&round_end);
	}
	return NULL;
}

static double rss_after_round(void)
{
	pthread_barrier_wait(&round_start);
	pthread_barrier_wait(&round_end);
	while (freed < put)
		sched_yield();
	return rss_mb();
}

int main(void)
{
	pthread_t id;
	double early = 0, late = 0;

	_Static_assert(PER_ROUND % BATCH == 0, "every batch is handed over");
	sem_init(&room, 0, QUEUE);
	sem_init(&ready, 0, 0);
	pthread_barrier_init(&round_start, NULL, PRODUCERS + 1);
	pthread_barrier_init(&round_end, NULL, PRODUCERS + 1);
	double before = rss_mb();
	CHECK(pthread_create(&id, NULL, free_all, NULL) == 0);
	for (uintptr_t i = 0; i < PRODUCERS; i++)
		CHECK(pthread_create(&id, NULL, produce, (void *)i) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		double rss = rss_after_round() - before;
		if (round < ROUNDS / 4 && rss > early)
			early = rss;
		if (round >= ROUNDS * 3 / 4 && rss > late)
			late = rss;
	}
	double live = (double)live_bytes / (1 << 20);
	printf("%.0f MB live: RSS %.0f MB in the first quarter, %.0f MB in the last (%.2f times the live set)\n", live,
	       early, late, late / live);
	CHECK(late <= early * 1.1 + 4);
	CHECK(late <= 2 * live);
	return 0;
}
