// What the misuses of object caches share: the functions of libmalloc/cache.h, found at run time, since the programs are
// linked without the library.
#ifndef MISUSE_CACHE_H
#define MISUSE_CACHE_H

#include "misuse.h"

#include <libmalloc/cache.h>

static inline void *cache_function(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	if (function == NULL)
		_exit(2);
	return function;
}

#define FUNCTION(name) ((__typeof__(&name))cache_function(#name))
#define lm_cache_create FUNCTION(lm_cache_create)
#define lm_cache_alloc FUNCTION(lm_cache_alloc)
#define lm_cache_alloc_flags FUNCTION(lm_cache_alloc_flags)
#define lm_cache_free FUNCTION(lm_cache_free)
#define lm_cache_free_bulk FUNCTION(lm_cache_free_bulk)
#define lm_cache_shrink FUNCTION(lm_cache_shrink)
#define lm_cache_destroy FUNCTION(lm_cache_destroy)

// A cache of objects of 64 bytes, or so many, that shares its slabs with no other.
static inline struct lm_cache *cache_of(size_t size, unsigned flags)
{
	return lm_cache_create("widget", size, 0, flags | LM_CACHE_NO_MERGE, NULL, NULL);
}

static struct lm_cache *filled;

static inline void *fill_depot(void *ready)
{
	void *objects[1000];

	for (int i = 0; i < 1000; i++)
		objects[i] = lm_cache_alloc(filled);
	objects[300] = show(objects[10]);
	for (int i = 0; i < 1000; i++)
		lm_cache_free(filled, objects[i]);
	pthread_barrier_wait((pthread_barrier_t *)ready);
	for (;;)
		pause();
	return NULL;
}

// A cache with an object that a thread, which goes on, freed twice. It stands twice in the depot: full magazines that
// others may take.
static inline struct lm_cache *cache_with_double_free(void)
{
	static pthread_barrier_t ready;
	pthread_t thread;

	filled = cache_of(64, 0);
	if (pthread_barrier_init(&ready, NULL, 2) != 0 || pthread_create(&thread, NULL, fill_depot, &ready) != 0)
		_exit(2);
	pthread_barrier_wait(&ready);
	return filled;
}

#endif
