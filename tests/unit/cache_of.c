/*
 * cache_of.c - lm_cache_of: the cache of a live object, and NULL for a free one wherever that is: in a magazine of this
 * thread, of another, of one that ended or that a fork left behind, in the depot, in its slab, on the way between them.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "magazine/thread_cache.h"
#include "slab/slab.h"
#include "unit.h"

#include "base/settings.h"
#include "libc/fork.h"
#include "heap/heap.h"
#include "object/object_cache.h"
#include "slab/reclaim.h"

#include <libmalloc/cache.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 3000 };

static struct lm_cache *cache;
static void *objects[MANY];

static struct lm_cache *create(const char *name, size_t bytes, unsigned flags)
{
	struct lm_cache *made = lm_cache_create(name, bytes, 0, flags, NULL, NULL);
	check(made != NULL);
	return made;
}

static void take_all(void) { check(lm_cache_alloc_bulk(cache, MANY, objects) == MANY); }

static void free_range(size_t from, size_t to) { lm_cache_free_bulk(cache, to - from, objects + from); }

static void expect(size_t from, size_t to, struct lm_cache *expected)
{
	for (size_t i = from; i < to; i++)
		check(lm_cache_of(objects[i]) == expected);
}

/* --- one thread --- */

/* Each free object is told as free, in either magazine, in the depot and in its slab. */
static void what_this_thread_freed_is_free(void **state)
{
	(void)state;
	static const size_t sizes[] = {8, 24, 64, 1000, 5000, 40000};
	for (size_t s = 0; s < 6; s++) {
		cache = create("own", sizes[s], LM_CACHE_NO_MERGE);
		take_all();
		expect(0, MANY, cache);
		for (size_t i = 0; i < MANY; i += 1 + i / 10) {
			lm_cache_free(cache, objects[i]);
			check(lm_cache_of(objects[i]) == NULL);
			check(i + 1 == MANY || lm_cache_of(objects[i + 1]) == cache);
			objects[i] = lm_cache_alloc(cache);
			check(lm_cache_of(objects[i]) == cache);
		}
		for (size_t i = 0; i < MANY; i += MANY / 10) {
			free_range(i, i + MANY / 10);
			expect(0, i + MANY / 10, NULL);
			expect(i + MANY / 10, MANY, cache);
		}
		lm_cache_shrink(cache);
		expect(0, MANY, NULL);
		check(lm_cache_destroy(cache) == 0);
		expect(0, MANY, NULL);
	}
}

static void what_begins_no_object_has_no_cache(void **state)
{
	(void)state;
	cache = create("inside", 64, LM_CACHE_NO_MERGE);
	char *object = lm_cache_alloc(cache);
	void *block = heap_alloc(64);
	for (int i = 1; i < 64; i++)
		check(lm_cache_of(object + i) == NULL);
	check(lm_cache_of(block) == NULL && lm_cache_of(NULL) == NULL && lm_cache_of(&cache) == NULL);
	check(lm_cache_of((void *)UINTPTR_MAX) == NULL && lm_cache_of((void *)((uintptr_t)1 << 63)) == NULL);
	check(lm_cache_of(object) == cache);
}

static void freed_by_free_is_free(void **state)
{
	(void)state;
	cache = create("block", 64, 0);
	take_all();
	for (size_t i = 0; i < MANY; i += 2)
		heap_free(objects[i], "free");
	for (size_t i = 0; i < MANY; i++)
		check(lm_cache_of(objects[i]) == (i % 2 == 0 ? NULL : cache));
}

static void construct(void *object)
{
	check(lm_cache_of(object) == NULL);
	*(int *)object = 1;
}

/* The slab is off the lists. */
static void destruct(void *object)
{
	check(*(int *)object == 1);
	check(lm_cache_of(object) == NULL && slab_objects_id((uintptr_t)object) == 0);
}

static void constructor_and_destructor_see_a_free_object(void **state)
{
	(void)state;
	cache = lm_cache_create("made", 100, 0, 0, construct, destruct);
	take_all();
	expect(0, MANY, cache);
	free_range(0, MANY);
	expect(0, MANY, NULL);
	check(lm_cache_destroy(cache) == 0);
}

static void caches_with_checks(void **state)
{
	(void)state;
	static const unsigned flags[] = {LM_CACHE_POISON, LM_CACHE_RED_ZONE, LM_CACHE_POISON | LM_CACHE_RED_ZONE};
	for (int i = 0; i < 3; i++) {
		cache = create("checked", 48, flags[i]);
		take_all();
		expect(0, MANY, cache);
		free_range(0, MANY / 2);
		expect(0, MANY / 2, NULL);
		expect(MANY / 2, MANY, cache);
		free_range(MANY / 2, MANY);
		check(lm_cache_destroy(cache) == 0);
	}
}

/* Of caches that share slabs, the oldest one that is left is named. */
static void merged_caches(void **state)
{
	(void)state;
	settings.merge_caches = 1;
	struct lm_cache *oldest = create("oldest", 64, 0);
	cache = create("newest", 64, 0);
	check(cache->index == oldest->index);
	take_all();
	free_range(0, MANY / 2);
	expect(0, MANY / 2, NULL);
	expect(MANY / 2, MANY, oldest);
	check(lm_cache_destroy(oldest) == 0);
	expect(MANY / 2, MANY, cache);
	free_range(MANY / 2, MANY);
	expect(0, MANY, NULL);
}

/* While pages of a slab are purged, the free objects on them cannot be allocated. */
static void purged_pages(void **state)
{
	(void)state;
	cache = create("purged", 512, LM_CACHE_NO_MERGE);
	take_all();
	for (size_t i = 0; i < MANY; i++)
		if (i % 64 != 0)
			lm_cache_free(cache, objects[i]);
	thread_cache_flush();
	reclaim_all();
	for (size_t i = 0; i < MANY; i++)
		check(lm_cache_of(objects[i]) == (i % 64 == 0 ? cache : NULL));
}

/* --- several threads --- */

static pthread_barrier_t barrier;

static void wait_for_others(void) { pthread_barrier_wait(&barrier); }

/* The other thread frees half of the objects, lives on while it is asked, and ends. */
static void free_half_and_wait(unsigned index)
{
	if (index == 0) {
		free_range(0, MANY / 2);
		wait_for_others();
		wait_for_others();
		return;
	}
	wait_for_others();
	expect(0, MANY / 2, NULL);
	expect(MANY / 2, MANY, cache);
	wait_for_others();
}

static void threads_know_what_others_freed(void **state)
{
	(void)state;
	static const size_t sizes[] = {16, 200, 3000};
	for (size_t s = 0; s < 3; s++) {
		cache = create("others", sizes[s], LM_CACHE_NO_MERGE);
		take_all();
		pthread_barrier_init(&barrier, NULL, 2);
		unit_threads(2, free_half_and_wait);
		/* Both have ended. */
		expect(0, MANY / 2, NULL);
		expect(MANY / 2, MANY, cache);
		free_range(MANY / 2, MANY);
		check(lm_cache_destroy(cache) == 0);
	}
}

static _Atomic size_t nfreed, nasked;
static _Atomic bool is_over;

/* Acquire; pairs with the release in free_slowly: the objects below this number are free. */
static size_t freed_now(void) { return atomic_load_explicit(&nfreed, memory_order_acquire); }

/* In every other round some stay live, so that slabs stay, and the pages between them are purged. */
static bool some_are_kept;
static bool is_kept(size_t i) { return some_are_kept && i % 32 == 0; }

/* The others ask twice for each object, so that they ask in each state that an object goes through. */
static void free_slowly(void)
{
	for (size_t i = 0; i < MANY; i++) {
		while (atomic_load_explicit(&nasked, memory_order_relaxed) < 2 * i)
			sched_yield();
		if (!is_kept(i))
			lm_cache_free(cache, objects[i]);
		atomic_store_explicit(&nfreed, i + 1, memory_order_release);
	}
	atomic_store_explicit(&is_over, true, memory_order_relaxed);
}

/* One frees, so that objects go from magazine to depot and slab; one empties depots and slabs, and purges; two ask. */
static void free_or_ask(unsigned index)
{
	struct random random = random_start(70 + index);
	if (index == 0)
		free_slowly();
	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		size_t now = freed_now();
		size_t back = 1 + random_below(&random, 300);
		if (index == 1) {
			lm_cache_shrink(cache);
			reclaim_all();
			continue;
		}
		if (now >= back)
			check(lm_cache_of(objects[now - back]) == (is_kept(now - back) ? cache : NULL));
		atomic_fetch_add_explicit(&nasked, 1, memory_order_relaxed);
	}
}

static void threads_see_no_free_object_on_its_way(void **state)
{
	(void)state;
	for (size_t round = 0; round < unit_rounds(100); round++) {
		cache = create("moving", round % 2 == 0 ? 64 : 700, LM_CACHE_NO_MERGE);
		take_all();
		some_are_kept = round / 2 % 2 == 0;
		nfreed = nasked = 0;
		is_over = false;
		unit_threads(4, free_or_ask);
		for (size_t i = 0; i < MANY; i++)
			if (is_kept(i))
				lm_cache_free(cache, objects[i]);
		check(lm_cache_destroy(cache) == 0);
	}
}

/* Each has objects of its own, live and free, while the others push, pop, make slabs and give them back. */
static void churn_and_ask(unsigned index)
{
	enum { OWN = 200 };
	struct random random = random_start(80 + index);
	void *own[OWN] = {NULL};
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		size_t at = random_below(&random, OWN);
		if (own[at] == NULL) {
			own[at] = lm_cache_alloc(cache);
			check(own[at] != NULL);
		} else if (random_one_in(&random, 4)) {
			check(lm_cache_of(own[at]) == cache);
		} else {
			lm_cache_free(cache, own[at]);
			own[at] = NULL;
		}
		if (random_one_in(&random, 1000))
			lm_cache_shrink(cache);
	}
	for (size_t at = 0; at < OWN; at++)
		lm_cache_free(cache, own[at]);
}

static void threads_ask_while_others_work(void **state)
{
	(void)state;
	cache = create("busy", 100, LM_CACHE_NO_MERGE);
	unit_threads(4, churn_and_ask);
	check(lm_cache_destroy(cache) == 0);
}

/* In the child of fork, objects in magazines of threads that are not there are free as well. */
static void free_half_and_fork(unsigned index)
{
	if (index == 0) {
		free_half_and_wait(0);
		return;
	}
	wait_for_others();
	pid_t child = fork();
	if (child == 0) {
		expect(0, MANY / 2, NULL);
		expect(MANY / 2, MANY, cache);
		_exit(0);
	}
	int status;
	check(waitpid(child, &status, 0) == child && status == 0);
	wait_for_others();
}

static void threads_left_behind_by_fork_hold_free_objects(void **state)
{
	(void)state;
	fork_register();
	cache = create("forked", 72, LM_CACHE_NO_MERGE);
	take_all();
	pthread_barrier_init(&barrier, NULL, 2);
	unit_threads(2, free_half_and_fork);
}

UNIT_MAIN(UNIT(what_this_thread_freed_is_free), UNIT(what_begins_no_object_has_no_cache), UNIT(freed_by_free_is_free),
	  UNIT(constructor_and_destructor_see_a_free_object), UNIT(caches_with_checks), UNIT(merged_caches),
	  UNIT(purged_pages), UNIT(threads_know_what_others_freed), UNIT(threads_see_no_free_object_on_its_way),
	  UNIT(threads_ask_while_others_work), UNIT(threads_left_behind_by_fork_hold_free_objects))
