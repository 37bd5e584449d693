/* Calls from a thread's key destructors, up to the last round that pthread makes, when our own destructor has run.
 * Some keys are made before the first thread, some are above the 32nd. What the last round uses must be given back as
 * well: memory stays flat over thousands of threads.
 */
#include "surroundings.h"
#include <limits.h>
#include <pthread.h>

#define KEYS 40
#define ROUNDS_MB 8

struct value {
	int rounds;
	void *made;
};

static pthread_key_t keys[KEYS];
static _Atomic long last_rounds;

/* Comes back until the last round; memory made in one round is freed in the next. */
static void destroy(void *pointer)
{
	struct value *value = pointer;

	for (size_t size = 16; size <= 65536; size *= 4) {
		void *p = malloc(size);
		CHECK(p);
		memset(p, 1, size);
		free(p);
	}
	free(value->made);
	if (++value->rounds == PTHREAD_DESTRUCTOR_ITERATIONS) {
		free(value);
		last_rounds++;
		return;
	}
	CHECK((value->made = malloc(3000)));
	for (int i = 0; i < KEYS; i++)
		if (!pthread_getspecific(keys[i])) {
			CHECK(pthread_setspecific(keys[i], value) == 0);
			return;
		}
}

static void *thread(void *unused)
{
	for (int i = 0; i < KEYS; i += 13) {
		struct value *value = calloc(1, sizeof *value);
		CHECK(value && pthread_setspecific(keys[i], value) == 0);
	}
	free(malloc(100));
	return unused;
}

static void start_threads(int count)
{
	for (int i = 0; i < count; i += 8) {
		pthread_t threads[8];
		for (int j = 0; j < 8; j++)
			CHECK(pthread_create(&threads[j], NULL, thread, NULL) == 0);
		for (int j = 0; j < 8; j++)
			CHECK(pthread_join(threads[j], NULL) == 0);
	}
}

int main(void)
{
	for (int i = 0; i < KEYS; i++)
		CHECK(pthread_key_create(&keys[i], destroy) == 0);
	start_threads(200);
	double before = rss_mb();
	start_threads(4000);
	double growth = rss_mb() - before;
	printf("%ld values destroyed in the last round; RSS grew %.1f MB over 4000 threads\n", last_rounds, growth);
	CHECK(last_rounds > 4000);
	CHECK(growth <= ROUNDS_MB);
	return 0;
}
