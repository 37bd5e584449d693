/*
 * cache_destructor.c - destructors that allocate while memory is short: they are called one after the other, not one
 * inside of the other; and a cache of which another thread was giving a slab back ends in the child of a fork too.
 */
#include <libmalloc/cache.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OBJECTS = 40000, BYTES = 3000, LIMIT_BYTES = 300 << 20 };

static int depth, deepest, calls;
static void *objects[OBJECTS];

static void allocate(void *object)
{
	(void)object;
	calls++;
	deepest = ++depth > deepest ? depth : deepest;
	free(malloc(BYTES));
	depth--;
}

static int destructors_are_not_nested(void)
{
	struct lm_cache *cache = lm_cache_create("allocating", BYTES, 0, 0, NULL, allocate);
	struct rlimit limit = {LIMIT_BYTES, LIMIT_BYTES};
	size_t count = 0;
	setrlimit(RLIMIT_AS, &limit);
	while (count < OBJECTS && (objects[count] = lm_cache_alloc_flags(cache, LM_NOWARN)) != NULL)
		count++;
	for (size_t i = 0; i < count / 5; i++)
		lm_cache_free(cache, objects[i]);
	while (malloc(BYTES) != NULL)
		continue;
	if (deepest != 1 || calls < 1000)
		fprintf(stderr, "%zu objects: %d destructed, %d deep\n", count, calls, deepest);
	return deepest != 1 || calls < 1000;
}

static atomic_bool is_destructing, may_end;

static void wait_long(void *object)
{
	(void)object;
	is_destructing = true;
	while (!may_end)
		usleep(1000);
}

static void *shrink(void *cache)
{
	lm_cache_free(cache, lm_cache_alloc(cache));
	lm_cache_shrink(cache);
	return NULL;
}

static int the_child_destroys(void)
{
	struct lm_cache *cache = lm_cache_create("leaving", 64, 0, 0, NULL, wait_long);
	pthread_t thread;
	int status;
	pthread_create(&thread, NULL, shrink, cache);
	while (!is_destructing)
		usleep(1000);
	pid_t child = fork();
	if (child == 0) {
		alarm(600);
		may_end = true;
		_exit(lm_cache_destroy(cache) != 0);
	}
	waitpid(child, &status, 0);
	may_end = true;
	pthread_join(thread, NULL);
	if (status != 0)
		fprintf(stderr, "the child ended with %#x\n", (unsigned)status);
	return status != 0 || lm_cache_destroy(cache) != 0;
}

int main(void) { return the_child_destroys() || destructors_are_not_nested(); }
