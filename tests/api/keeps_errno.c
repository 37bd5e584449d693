/*
 * keeps_errno.c - a call that has success leaves errno alone, whatever it tried on its way, and whatever a destructor of
 * the program does.
 */
#include "must.h"

#include <errno.h>
#include <libmalloc.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { BEFORE = 77, OBJECTS = 3000, CALLS = 3000 };

static void sets_errno(void *object)
{
	(void)object;
	errno = EBADF;
}

/* Slabs go back, and their objects' destructors run, while others are freed. */
static void objects_with_a_destructor(void)
{
	static void *objects[OBJECTS];
	struct lm_cache *cache = lm_cache_create("destructed", 3000, 0, 0, NULL, sets_errno);
	MUST(cache != NULL);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < OBJECTS; i++)
			MUST((objects[i] = lm_cache_alloc(cache)) != NULL);
		for (int i = 0; i < OBJECTS; i++) {
			errno = BEFORE;
			if (round == 0)
				lm_cache_free(cache, objects[i]);
			else if (round == 1)
				free(objects[i]);
			else
				MUST(realloc(objects[i], 0) == NULL);
			MUST(errno == BEFORE);
		}
	}
	MUST(lm_cache_destroy(cache) == 0);
}

static void *has_none(unsigned flags, void *is_empty)
{
	(void)flags;
	if (!*(int *)is_empty)
		return malloc(64);
	errno = ENOMEM;
	return NULL;
}

static void give(void *object, void *unused)
{
	(void)unused;
	free(object);
}

static void an_object_that_was_reserved(void)
{
	int is_empty = 0;
	struct lm_reserve *reserve = lm_reserve_create(2, has_none, give, &is_empty);
	MUST(reserve != NULL);
	is_empty = 1;
	for (unsigned flags = 0; flags <= LM_NOFAIL; flags += LM_NOFAIL) {
		errno = BEFORE;
		MUST(lm_reserve_alloc(reserve, flags) != NULL && errno == BEFORE);
	}
	lm_reserve_destroy(reserve);
}

/* No new mapping is to be had: what is idle is given back, and serves the request. */
static void memory_is_short(void)
{
	static void *blocks[1000];
	struct rlimit none = {1, RLIM_INFINITY};
	for (int i = 0; i < 1000; i++)
		MUST((blocks[i] = malloc((size_t)i % 100 * 40 + 1)) != NULL);
	for (int i = 0; i < 1000; i++)
		free(blocks[i]);
	MUST(setrlimit(RLIMIT_AS, &none) == 0);
	for (int i = 0; i < CALLS; i++) {
		errno = BEFORE;
		if (lm_kvmalloc(3000, LM_NOWARN) == NULL)
			break;
		MUST(errno == BEFORE);
	}
}

int main(void)
{
	objects_with_a_destructor();
	an_object_that_was_reserved();
	memory_is_short();
	return 0;
}
