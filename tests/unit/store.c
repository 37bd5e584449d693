/*
 * store.c - freed mappings: unmapped the first time, kept once the program has shown that it asks again; bounded.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "large/large.h"
#include "large/store.h"
#include "os/map.h"

#include <stdlib.h>
#include <string.h>

enum { KIB = 1024, MIB = 1024 * KIB, SLOTS = 32, GHOSTS = 16, AGE_MAX = 64, ALLOWANCE_BYTES = 8 * MIB };

static void *map(size_t bytes)
{
	void *base = os_map(bytes);
	check(base != NULL);
	return base;
}

static void *take(size_t bytes, size_t *got)
{
	*got = bytes;
	return store_take(got);
}

static bool finds(size_t bytes)
{
	size_t got;
	void *base = take(bytes, &got);
	if (base != NULL)
		store_put(base, got);
	return base != NULL;
}

/* Free, ask, free: the second time the mapping is kept, as the request met the ghost of the first. */
static void *teach(size_t bytes)
{
	size_t got;
	store_put(map(bytes), bytes);
	check(take(bytes, &got) == NULL && got == bytes);
	void *base = map(bytes);
	store_put(base, bytes);
	return base;
}

static void the_first_mapping_is_unmapped(void **state)
{
	(void)state;
	size_t got;
	char *base = map(1 * MIB);
	store_put(base, 1 * MIB);
	assert_false(os_is_mapped(base));
	assert_int_equal(store_held_bytes(), 0);
	assert_true(store_remembers((uintptr_t)base + 5));
	assert_null(take(1 * MIB, &got));
	assert_int_equal(got, 1 * MIB);
}

static void the_second_is_kept(void **state)
{
	(void)state;
	size_t got;
	char *base = teach(1 * MIB);
	assert_int_equal(store_held_bytes(), 1 * MIB);
	assert_true(os_is_mapped(base));
	assert_true(store_remembers((uintptr_t)base) && store_remembers((uintptr_t)base + 1 * MIB - 1));
	assert_false(store_remembers((uintptr_t)base + 1 * MIB));
	memset(base, 3, 1 * MIB);
	assert_ptr_equal(take(1 * MIB, &got), base);
	assert_int_equal(got, 1 * MIB);
	assert_int_equal(store_held_bytes(), 0);
	/* Its content is as it was. */
	assert_int_equal(base[77], 3);
	/* A loop over it pays no more. */
	for (int i = 0; i < 1000; i++) {
		store_put(base, 1 * MIB);
		assert_ptr_equal(take(1 * MIB, &got), base);
	}
}

static void what_is_never_asked_for_again_is_not_kept(void **state)
{
	(void)state;
	for (size_t i = 1; i < 200; i++) {
		store_put(map(i * 64 * KIB), i * 64 * KIB);
		assert_int_equal(store_held_bytes(), 0);
	}
}

/* A mapping serves requests from four fifths of its length on. */
static void a_mapping_serves_what_it_fits(void **state)
{
	(void)state;
	size_t got;
	char *base = teach(1 * MIB);
	static const size_t too_small[] = {1, 64 * KIB, 512 * KIB, 818 * KIB};
	for (size_t i = 0; i < 4; i++)
		assert_false(finds(too_small[i]));
	assert_false(finds(1 * MIB + 1));
	assert_ptr_equal(take(820 * KIB, &got), base);
	assert_int_equal(got, 1 * MIB);
	store_put(base, got);
	assert_true(finds(900 * KIB) && finds(1 * MIB));
}

static void the_best_fit_is_taken(void **state)
{
	(void)state;
	size_t got;
	teach(1000 * KIB);
	char *middle = teach(1040 * KIB);
	teach(1100 * KIB);
	assert_int_equal(store_held_bytes(), (1000 + 1100 + 1040) * KIB);
	assert_ptr_equal(take(1020 * KIB, &got), middle);
	assert_int_equal(got, 1040 * KIB);
	assert_non_null(take(1020 * KIB, &got));
	assert_int_equal(got, 1100 * KIB);
	assert_null(take(1020 * KIB, &got));
}

/* One request and one ghost: the same ghost does not count twice. */
static void a_ghost_counts_once(void **state)
{
	(void)state;
	size_t got;
	store_put(map(1 * MIB), 1 * MIB);
	assert_null(take(1 * MIB, &got));
	assert_null(take(1 * MIB, &got));
	store_put(map(1 * MIB), 1 * MIB);
	assert_int_equal(store_held_bytes(), 1 * MIB);
	/* The allowance is used up by one. */
	store_put(map(1 * MIB), 1 * MIB);
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

static void old_ghosts_are_forgotten(void **state)
{
	(void)state;
	size_t got;
	char *first = map(1 * MIB);
	store_put(first, 1 * MIB);
	for (size_t i = 0; i < GHOSTS; i++)
		store_put(map(4 * MIB), 4 * MIB);
	assert_null(take(1 * MIB, &got));
	store_put(map(1 * MIB), 1 * MIB);
	assert_int_equal(store_held_bytes(), 0);
}

static void what_nobody_wants_for_long_goes(void **state)
{
	(void)state;
	char *base = teach(1 * MIB);
	for (size_t i = 0; i < AGE_MAX; i++) {
		assert_int_equal(store_held_bytes(), 1 * MIB);
		assert_false(finds(64 * MIB));
	}
	assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 0);
	assert_false(os_is_mapped(base));
	/* The allowance went with it. */
	store_put(map(1 * MIB), 1 * MIB);
	assert_int_equal(store_held_bytes(), 0);
}

static void what_is_wanted_stays(void **state)
{
	(void)state;
	teach(1 * MIB);
	for (size_t i = 0; i < 10 * AGE_MAX; i++)
		assert_true(i % 32 != 0 || finds(1 * MIB));
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

/* However much a program frees and asks for again: 8 MiB at most, with few large blocks live. */
static void what_is_kept_is_bounded(void **state)
{
	(void)state;
	struct random random = random_start(60);
	size_t most = 0;
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		size_t bytes = (1 + random_below(&random, 64)) * 64 * KIB;
		size_t got;
		void *base = take(bytes, &got);
		if (base == NULL)
			base = map(got);
		check(got >= bytes && got <= bytes + bytes / 4);
		store_put(base, got);
		check(store_held_bytes() <= ALLOWANCE_BYTES);
		most = store_held_bytes() > most ? store_held_bytes() : most;
	}
	assert_true(most > ALLOWANCE_BYTES / 4);
	assert_true(store_drain());
	assert_int_equal(store_held_bytes(), 0);
	assert_false(store_drain());
}

/* The allowance follows the live large blocks, down too: what is kept for a program that was large goes when it is not. */
static void what_is_kept_follows_the_live_blocks(void **state)
{
	(void)state;
	void *live[100];
	void *more[16];
	for (size_t i = 0; i < 100; i++)
		live[i] = large_alloc(8 * MIB, 0, LARGE_ANY);
	for (int round = 0; round < 6; round++) {
		for (size_t i = 0; i < 16; i++)
			more[i] = large_alloc(4 * MIB, 0, LARGE_ANY);
		for (size_t i = 0; i < 16; i++)
			assert_true(large_free((uintptr_t)more[i]));
	}
	assert_in_range(store_held_bytes(), 32 * MIB, 100 * MIB);
	for (size_t i = 0; i < 100; i++) {
		assert_true(large_free((uintptr_t)live[i]));
		size_t most = large_counts().bytes / 8;
		assert_true(store_held_bytes() <= (most > ALLOWANCE_BYTES ? most : ALLOWANCE_BYTES));
	}
}

static void so_many_slots_and_no_more(void **state)
{
	(void)state;
	for (size_t round = 0; round < 3; round++) {
		void *bases[SLOTS + 8];
		size_t got[SLOTS + 8];
		for (size_t i = 0; i < SLOTS + 8; i++) {
			bases[i] = take(128 * KIB, &got[i]);
			if (bases[i] == NULL)
				bases[i] = map(got[i]);
		}
		for (size_t i = 0; i < SLOTS + 8; i++)
			store_put(bases[i], got[i]);
		assert_true(store_held_bytes() <= SLOTS * 128 * KIB);
	}
	assert_in_range(store_held_bytes(), GHOSTS * 128 * KIB, SLOTS * 128 * KIB);
}

/* With the last of its mappings drained the store begins anew. */
static void a_drained_store_keeps_nothing(void **state)
{
	(void)state;
	char *base = teach(2 * MIB);
	assert_true(store_drain());
	assert_int_equal(store_held_bytes(), 0);
	assert_false(os_is_mapped(base));
	store_put(map(2 * MIB), 2 * MIB);
	assert_int_equal(store_held_bytes(), 0);
}

enum { THREADS = 4 };

/* Who takes a mapping owns it: nobody else writes there. */
static void churn(unsigned index)
{
	struct random random = random_start(70 + index);
	for (size_t i = 0; i < unit_rounds(4000); i++) {
		size_t bytes = (2 + random_below(&random, 6)) * 64 * KIB;
		size_t got;
		char *base = take(bytes, &got);
		if (base == NULL)
			base = map(got);
		for (size_t at = 0; at < got; at += 16 * KIB)
			base[at] = (char)index;
		for (size_t at = 0; at < got; at += 16 * KIB)
			check(base[at] == (char)index);
		store_put(base, got);
		if (random_one_in(&random, 300))
			store_drain();
		store_remembers((uintptr_t)base);
	}
}

static void threads_share_the_store(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	assert_true(store_held_bytes() <= ALLOWANCE_BYTES);
	store_drain();
	assert_int_equal(store_held_bytes(), 0);
}

UNIT_MAIN(UNIT(the_first_mapping_is_unmapped), UNIT(the_second_is_kept), UNIT(what_is_never_asked_for_again_is_not_kept),
	  UNIT(a_mapping_serves_what_it_fits), UNIT(the_best_fit_is_taken), UNIT(a_ghost_counts_once),
	  UNIT(old_ghosts_are_forgotten), UNIT(what_nobody_wants_for_long_goes), UNIT(what_is_wanted_stays),
	  UNIT(what_is_kept_is_bounded), UNIT(what_is_kept_follows_the_live_blocks), UNIT(so_many_slots_and_no_more),
	  UNIT(a_drained_store_keeps_nothing), UNIT(threads_share_the_store))
