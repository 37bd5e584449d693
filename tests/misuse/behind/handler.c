// A handler of SIGABRT that does what crash reporters do, and more: it allocates, and so does a thread that it waits for.
// `run` preloads it. A report must have been written without a lock, and must leave the heap as a handler can use it.
#include <libmalloc.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCKS = 1000, SECONDS = 20 };

static void use_blocks(void)
{
	void *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(16 + i % 50 * (i % 50) * 16);
	for (size_t i = 0; i < BLOCKS; i += 2) {
		void *more = realloc(blocks[i], 16 + i * 256);

		blocks[i] = more != NULL ? more : blocks[i];
	}
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	malloc_trim(0);
}

static void use_library(void)
{
	struct lm_cache *cache = lm_cache_create("behind", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	void *object = cache != NULL ? lm_cache_alloc(cache) : NULL;

	if (object != NULL)
		lm_cache_free(cache, object);
	lm_cache_destroy(cache);
	lm_percpu_free(lm_percpu_alloc(8, 0));
}

static void *use_all(void *nothing)
{
	use_blocks();
	use_library();
	return nothing;
}

static void handle(int signal)
{
	static volatile sig_atomic_t is_second;
	pthread_t thread;

	(void)signal;
	if (is_second)
		return;
	is_second = 1;
	alarm(SECONDS);
	use_all(NULL);
	if (pthread_create(&thread, NULL, use_all, NULL) == 0)
		pthread_join(thread, NULL);
}

__attribute__((constructor)) static void start(void) { signal(SIGABRT, handle); }
