/*
 * caches.c - object caches (libmalloc/cache.h) against what a program does without them: malloc, construct, free. Under an
 * allocator that has no object caches the same test does the latter, so that a row compares the two.
 *
 * The functions are looked up at run time, as the program is linked to none of the allocators.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "bodies.h"

#include <dlfcn.h>

enum { BATCH = 1000, LIVE = 10000, CONSTRUCTION_STEPS = 160 /* about 200 ns at 3 GHz: each waits for the one before */ };

static struct lm_cache *(*cache_create)(const char *, size_t, size_t, unsigned, void (*)(void *), void (*)(void *));
static void *(*cache_alloc)(struct lm_cache *);
static void (*cache_free)(struct lm_cache *, void *);

static bool find_caches(void)
{
	*(void **)&cache_create = dlsym(RTLD_DEFAULT, "lm_cache_create");
	*(void **)&cache_alloc = dlsym(RTLD_DEFAULT, "lm_cache_alloc");
	*(void **)&cache_free = dlsym(RTLD_DEFAULT, "lm_cache_free");
	return cache_create != NULL && cache_alloc != NULL && cache_free != NULL;
}

static void construct(void *object)
{
	uint32_t x = 1;
	for (int i = 0; i < CONSTRUCTION_STEPS; i++) {
		x = x * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(x));
	}
	*(volatile uint32_t *)object = x;
}

static struct lm_cache *new_cache(size_t bytes, void (*ctor)(void *))
{
	struct lm_cache *cache = cache_create("bench", bytes, 0, 0, ctor, NULL);
	load_check(cache != NULL, "there is no cache");
	return cache;
}

static void cache_pair(struct bench_state *state, size_t bytes)
{
	if (!find_caches()) {
		while (bench_next(state, BATCH))
			for (int i = 0; i < BATCH; i++)
				free(load_alloc(bytes));
		return;
	}
	struct lm_cache *cache = new_cache(bytes, NULL);
	while (bench_next(state, BATCH))
		for (int i = 0; i < BATCH; i++) {
			void *object = cache_alloc(cache);
			load_check(object != NULL, "out of memory");
			cache_free(cache, object);
		}
}

static void constructed_pair(struct bench_state *state, size_t bytes)
{
	if (!find_caches()) {
		while (bench_next(state, BATCH))
			for (int i = 0; i < BATCH; i++) {
				void *object = load_alloc(bytes);
				construct(object);
				free(object);
			}
		return;
	}
	struct lm_cache *cache = new_cache(bytes, construct);
	while (bench_next(state, BATCH))
		for (int i = 0; i < BATCH; i++) {
			void *object = cache_alloc(cache);
			load_check(object != NULL, "out of memory");
			cache_free(cache, object);
		}
}

/* One of many live objects is replaced, at random. */
static void cache_replacement(struct bench_state *state, size_t bytes)
{
	void **live = table_new(LIVE * sizeof(void *));
	uint64_t random = load_seed(0);
	struct lm_cache *cache = find_caches() ? new_cache(bytes, NULL) : NULL;
	for (int i = 0; i < LIVE; i++)
		live[i] = cache != NULL ? cache_alloc(cache) : load_alloc(bytes);
	while (bench_next(state, BATCH))
		for (int i = 0; i < BATCH; i++) {
			size_t at = load_below(&random, LIVE);
			if (cache != NULL) {
				cache_free(cache, live[at]);
				live[at] = cache_alloc(cache);
			} else {
				free(live[at]);
				live[at] = load_alloc(bytes);
			}
		}
}

void register_caches(void)
{
	bench_register("cache/64", cache_pair, 64);
	bench_register("constructed/64", constructed_pair, 64);
	bench_register("cache_replacement/64", cache_replacement, 64);
}
