/* 256 threads that each allocate 10 MB, free it and sit idle without a further call: what stays in their caches is
 * bounded, 60 MB in all, stacks included.
 *
 * idle_threads LEAST MOST: block sizes in bytes. At most 32 threads hold their 10 MB at a time.
 */
#include "surroundings.h"
#include <pthread.h>
#include <semaphore.h>

#define THREADS 256
#define BYTES_EACH (10 << 20)
#define STAYS_MB 60

static size_t least, most;
static sem_t turn, idle;
static pthread_barrier_t end;

static void allocate_and_free(uint64_t seed)
{
	void **list = NULL;

	for (size_t bytes = 0; bytes < BYTES_EACH;) {
		size_t size = least + next_random(&seed) % (most - least + 1);
		void **block = malloc(size);
		CHECK(block);
		memset(block, 1, size);
		*block = list;
		list = block;
		bytes += size;
	}
	while (list) {
		void **next = *list;
		free(list);
		list = next;
	}
}

static void *thread(void *number)
{
	sem_wait(&turn);
	allocate_and_free((uintptr_t)number + 77);
	sem_post(&turn);
	sem_post(&idle);
	pthread_barrier_wait(&end);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	CHECK(argc == 3);
	least = strtoul(argv[1], NULL, 10);
	most = strtoul(argv[2], NULL, 10);
	sem_init(&turn, 0, 32);
	sem_init(&idle, 0, 0);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	free(malloc(100));
	double before = rss_mb();
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++)
		sem_wait(&idle);
	double stays = rss_mb() - before;
	printf("%.1f MB stay with %d idle threads that used blocks of %zu to %zu bytes\n", stays, THREADS, least, most);
	CHECK(stays <= STAYS_MB);
	pthread_barrier_wait(&end);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%.1f MB stay when they have ended\n", rss_mb() - before);
	return 0;
}
