// Destructors and constructors that fork, in threads that churn caches and give each other's slabs back meanwhile, while
// other threads begin and end: each child returns from where it was made, uses its caches, and destroys them.
//
//   destructor-storm SCALE SEED
//
// A child hangs where a slab of another thread counts as its own. Its alarm kills it.

#include "stress.h"

#include <libmalloc/cache.h>

#include <dlfcn.h>
#include <stdbool.h>

enum {
	WORKERS = 3,
	CACHES = 3,		// of each worker
	ROUNDS = 1500,		// of each worker, at scale 100
	OBJECTS = 400,
	BYTES = 200,
	ONE_FORK_IN = 2500,	// calls of a constructor or destructor
	CHILD_SECONDS = 600,
	SLABS_MAX = 1000,
};

struct worker {
	struct random random;
	struct lm_cache *caches[CACHES];
	void *objects[OBJECTS];
	bool is_child;
};

static atomic_bool stop;
static _Atomic long forks;
static long rounds;
static _Thread_local struct worker *self;

static struct lm_cache *(*cache_create)(const char *, size_t, size_t, unsigned, void (*)(void *), void (*)(void *));
static size_t (*cache_destroy)(struct lm_cache *);
static void *(*cache_alloc)(struct lm_cache *);
static void (*cache_free)(struct lm_cache *, void *);
static size_t (*cache_shrink)(struct lm_cache *);
static void (*cache_info)(const struct lm_cache *, struct lm_cache_info *);

// Other threads give back slabs of this one's cache too, and fork in the same way.
static void fork_seldom(void *object)
{
	(void)object;
	if (self == NULL || self->is_child || random_below(&self->random, ONE_FORK_IN) != 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		alarm(CHILD_SECONDS);
		self->is_child = true;
		return;
	}
	forks++;
	wait_for(child, "a child");
}

static struct lm_cache *create(int kind)
{
	struct lm_cache *cache = cache_create("storm", BYTES + 8 * kind, 0, 0, kind == 1 ? fork_seldom : NULL,
					      kind == 2 ? NULL : fork_seldom);

	if (cache == NULL)
		fail("no cache: errno %d", errno);
	return cache;
}

// An object that another thread is moving counts as live.
static void use(struct lm_cache *cache)
{
	struct lm_cache_info info;

	for (int i = 0; i < OBJECTS; i++)
		if ((self->objects[i] = cache_alloc(cache)) == NULL)
			fail("no object: errno %d", errno);
	for (int i = 0; i < OBJECTS; i++)
		cache_free(cache, self->objects[i]);
	cache_info(cache, &info);
	if (info.slabs > SLABS_MAX || info.empty_slabs > info.slabs ||
	    (self->is_child && info.live_objects != 0))
		fail("%zu slabs, %zu empty, %zu objects live", info.slabs, info.empty_slabs, info.live_objects);
}

static void destroy(struct lm_cache *cache)
{
	size_t live = cache_destroy(cache);

	if (live != 0)
		fail("%zu objects live", live);
}

// After the return from the constructor or destructor that forked.
static void live_as_child(void)
{
	for (int i = 0; i < CACHES; i++)
		use(self->caches[i]);
	for (int i = 0; i < CACHES; i++)
		destroy(self->caches[i]);
	struct lm_cache *again = create(1);
	use(again);
	destroy(again);
	malloc_trim(0);
	_exit(0);
}

static void one_round(void)
{
	int i = (int)random_below(&self->random, CACHES);

	use(self->caches[i]);
	switch (random_below(&self->random, 4)) {
	case 0:
		cache_shrink(self->caches[i]);
		break;
	case 1:
		malloc_trim(0);
		break;
	case 2:
		destroy(self->caches[i]);
		self->caches[i] = create(i);
		break;
	}
	if (self->is_child)
		live_as_child();
}

static void *work(void *arg)
{
	static struct worker workers[WORKERS];

	self = &workers[(uintptr_t)arg];
	self->random = random_of((uintptr_t)arg);
	for (int i = 0; i < CACHES; i++)
		self->caches[i] = create(i);
	for (long round = 0; round < rounds; round++)
		one_round();
	for (int i = 0; i < CACHES; i++) {
		destroy(self->caches[i]);
		if (self->is_child)
			_exit(0);
	}
	return NULL;
}

static void *allocate_and_end(void *unused)
{
	free(malloc(100));
	return unused;
}

static void *start_threads(void *unused)
{
	while (!stop)
		pthread_join(thread_start(allocate_and_end, NULL), NULL);
	return unused;
}

static void find_functions(void)
{
	*(void **)&cache_create = dlsym(RTLD_DEFAULT, "lm_cache_create");
	*(void **)&cache_destroy = dlsym(RTLD_DEFAULT, "lm_cache_destroy");
	*(void **)&cache_alloc = dlsym(RTLD_DEFAULT, "lm_cache_alloc");
	*(void **)&cache_free = dlsym(RTLD_DEFAULT, "lm_cache_free");
	*(void **)&cache_shrink = dlsym(RTLD_DEFAULT, "lm_cache_shrink");
	*(void **)&cache_info = dlsym(RTLD_DEFAULT, "lm_cache_info");
}

int main(int argc, char **argv)
{
	long scale = stress_start("destructor-storm", argc, argv);
	pthread_t workers[WORKERS], starter;

	find_functions();
	if (cache_create == NULL)
		fail("this malloc has no caches");
	rounds = ROUNDS * scale / 100;
	starter = thread_start(start_threads, NULL);
	for (uintptr_t i = 0; i < WORKERS; i++)
		workers[i] = thread_start(work, (void *)i);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	stop = true;
	pthread_join(starter, NULL);
	dprintf(STDOUT_FILENO, "%ld forks\ndestructor-storm ok\n", forks);
	return 0;
}
