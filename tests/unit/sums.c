/*
 * sums.c - the sums over all caches and depots (caches_check_sums, depot_check, depots_check): they hold at each step of a
 * program, and each check finds what is wrong.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "magazine/bins.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"
#include "slab/slab.h"
#include "unit.h"

#include "base/bits.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "page/zone.h"
#include "slab/cache.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static const size_t kinds[] = {16, 64, 208, 1024, 5120, 20480};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), LIVE = 2000, THREADS = 4 };

static unsigned class_of_kind(size_t kind) { return size_class_of(kinds[kind]); }

static unsigned c64(void) { return size_class_of(64); }

static void *take(unsigned c)
{
	void *object = bin_pop(bin_of(c));
	return object != NULL ? object : thread_cache_refill(c);
}

static void give(unsigned c, void *object)
{
	if (!push_into(bin_of(c), object))
		thread_cache_overflow(c, object, "free");
}

static void check_sums(void)
{
	depots_check();
	caches_check_sums();
}

static void *live[KINDS][LIVE];

/* Objects of a kind come, or go in random order, so that pages of their slabs become idle. */
static void step(struct random *random)
{
	size_t kind = random_below(random, KINDS);
	unsigned c = class_of_kind(kind);
	bool growing = random_one_in(random, 2);
	for (size_t i = 0; i < LIVE / 4; i++) {
		void **object = &live[kind][random_below(random, size_min(LIVE, (4 << 20) / kinds[kind]))];
		if (*object != NULL && !growing) {
			give(c, *object);
			*object = NULL;
		} else if (*object == NULL && growing) {
			check((*object = take(c)) != NULL);
			memset(*object, 1, kinds[kind]);
		}
	}
}

static void sums_hold_at_each_step(void **state)
{
	(void)state;
	struct random random = random_start(21);
	size_t idle = 0, in_depots = 0;
	for (size_t i = 0; i < unit_rounds(1000); i++) {
		step(&random);
		check_sums();
		idle = size_max(idle, cache_idle_pages());
		in_depots = size_max(in_depots, depot_bytes());
		if (random_one_in(&random, 20))
			cache_purge(class_of_kind(random_below(&random, KINDS)), 0);
		if (random_one_in(&random, 50))
			depot_drain(class_of_kind(random_below(&random, KINDS)));
		if (random_one_in(&random, 100))
			reclaim_all();
		check_sums();
	}
	/* Or the sums would have been sums of nothing. */
	assert_true(idle > 0 && in_depots > 0);
	thread_cache_end();
	depot_drain_all();
	check_sums();
	assert_int_equal(depot_bytes(), 0);
}

/* Objects of one thread are freed by others, by way of the depot. */
static void *_Atomic exchange[KINDS][LIVE];

static void churn(unsigned index)
{
	struct random random = random_start(31 + index);
	for (size_t i = 0; i < unit_rounds(100000); i++) {
		size_t kind = random_below(&random, KINDS - 2);
		unsigned c = class_of_kind(kind);
		void *mine = take(c);
		check(mine != NULL);
		void *theirs = atomic_exchange(&exchange[kind][random_below(&random, LIVE)], mine);
		if (theirs != NULL)
			give(c, theirs);
		if (random_one_in(&random, 5000))
			depot_check(c);
	}
	thread_cache_end();
}

static void threads_keep_the_sums(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	check_sums();
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < LIVE; i++)
			if (exchange[kind][i] != NULL)
				give(class_of_kind(kind), exchange[kind][i]);
	check_sums();
	thread_cache_flush();
	depot_drain_all();
	check_sums();
	check_all_objects_free();
}

/* A depot of some magazines, and slabs of which some pages are idle. */
static void fill(void)
{
	void *objects[SLAB_MAX_OBJECTS];
	for (size_t i = 0; i < 5; i++) {
		struct magazine *magazine = magazine_create(c64());
		check(magazine != NULL);
		magazine->count = cache_alloc(c64(), magazine->slot, 5);
		depot_push(c64(), magazine);
	}
	unsigned c = size_class_of(512);
	size_t count = cache_alloc(c, objects, size_classes[c].objects);
	for (size_t i = 0; i < count; i++)
		memset(objects[i], 1, 512);
	cache_free(c, objects, count - 1, "free");
	check(cache_idle_pages() > 0 && depot_bytes() > 0);
}

static struct slab *idle_slab(void)
{
	return list_entry(caches[size_class_of(512)].purgeable.first, struct slab, purgeable);
}

/* Each does some damage that one check must find. */
static void one_magazine_too_many(void) { depots[c64()].nfull++; }
static void one_magazine_too_few(void) { depots[c64()].nfull--; }
static void a_fewest_above_the_number(void) { depots[c64()].nfull_min = depots[c64()].nfull + 1; }
static void an_object_too_many(void) { depots[c64()].objects++; }
static void a_magazine_with_one_less(void) { depots[c64()].full->count--; }

/* It is on no list, and the depot counts without it: only the sum over all depots tells. */
static void a_magazine_that_was_lost(void)
{
	struct magazine *last = depots[c64()].full;
	depots[c64()].objects -= last->count;
	depots[c64()].nfull--;
	depots[c64()].nfull_min = 0;
	depots[c64()].full = last->next;
}

static void a_page_that_became_clean(void)
{
	uint32_t idle = slab_idle_pages(idle_slab());
	idle_slab()->dirty &= ~(idle & (0 - idle));
}

static void a_page_that_became_empty(void) { idle_slab()->empty = slab_all_pages(size_class_of(512)); }

static const struct damage {
	void (*done)(void);
	void (*look)(void);
} damages[] = {
	{one_magazine_too_many, depots_check},
	{one_magazine_too_few, depots_check},
	{a_fewest_above_the_number, depots_check},
	{an_object_too_many, depots_check},
	{a_magazine_with_one_less, depots_check},
	{a_magazine_that_was_lost, depots_check},
	{a_page_that_became_clean, caches_check_sums},
	{a_page_that_became_empty, caches_check_sums},
};
enum { DAMAGES = sizeof(damages) / sizeof(damages[0]) };

static void damage(void *argument)
{
	const struct damage *damage = argument;
	fill();
	check_sums();
	damage->done();
	damage->look();
}

static void each_damage_is_found(void **state)
{
	(void)state;
	static const char line[] = "libmalloc: internal error: ";
	for (size_t i = 0; i < DAMAGES; i++) {
		char text[300];
		int status = unit_capture(damage, (void *)(uintptr_t)&damages[i], text, sizeof(text));
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strncmp(text, line, strlen(line)) != 0)
			fail_msg("damage %zu was not found: wait status %d, %s", i, status, text);
	}
}

static void damage_one_depot(void *unused)
{
	(void)unused;
	fill();
	depot_check(c64());
	an_object_too_many();
	depot_check(size_class_of(80));
	depot_check(c64());
}

static void one_depot_can_be_checked(void **state)
{
	(void)state;
	char text[300];
	int status = unit_capture(damage_one_depot, NULL, text, sizeof(text));
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

UNIT_MAIN(UNIT(sums_hold_at_each_step), UNIT(threads_keep_the_sums), UNIT(each_damage_is_found),
	  UNIT(one_depot_can_be_checked))
