// expect: double free (lm_cache_free)
// Its thread goes on: who destroys the cache takes the objects of that thread.
#include "cache.h"

static struct lm_cache *cache;
static pthread_barrier_t ready;

static void *free_twice(void *p)
{
	void *q = lm_cache_alloc(cache);

	lm_cache_free(cache, p);
	lm_cache_free(cache, q);
	lm_cache_free(cache, p);
	pthread_barrier_wait(&ready);
	return pause() == 0 ? p : q;
}

int main(void)
{
	pthread_t thread;

	cache = cache_of(64, 0);
	if (pthread_barrier_init(&ready, NULL, 2) != 0 ||
	    pthread_create(&thread, NULL, free_twice, show(lm_cache_alloc(cache))) != 0)
		_exit(2);
	pthread_barrier_wait(&ready);
	lm_cache_destroy(cache);
	_exit(0);
}
