/*
 * large_cache.c - freed mappings: unmapped the first time, kept once the program has shown that it asks again; cut, merged
 * and joined to serve what is asked for; bounded. The live blocks are counted.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "large/large_cache.h"
#include "os/clock.h"
#include "os/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	GIB = 1024 * MIB,
	MANY = 5000, /* more than the store remembers or keeps of anything */
};

/* The clock stands still, but for what a test says. In place of os/clock.c. */
static _Atomic uint64_t now_us = 1;
uint64_t os_clock_us(void) { return now_us; }

/* A live block that did not come from the store. */
static struct large *fresh(size_t bytes)
{
	struct large *large = large_descriptor_alloc();
	check(large != NULL && mapping_create(&large->mapping, bytes, 1));
	large->address = large->mapping.base;
	large_cache_count(1, bytes);
	return large;
}

/* The same with nothing of ours beside it, so that it merges with nothing. */
static struct large *fresh_apart(size_t bytes)
{
	size_t guard = os_page_size();
	char *whole = os_map(bytes + 2 * guard);
	struct large *large = fresh(guard);
	check(whole != NULL);
	mapping_destroy(&large->mapping);
	mprotect(whole, guard, PROT_NONE);
	mprotect(whole + guard + bytes, guard, PROT_NONE);
	large->mapping.base = (uintptr_t)whole + guard;
	large->mapping.bytes = bytes;
	large->mapping.piece[0].bytes = bytes;
	large->address = large->mapping.base;
	large_cache_count(0, bytes - guard);
	return large;
}

static void put(struct large *large)
{
	large_cache_put(large);
	large_cache_check();
}

static struct large *take(size_t bytes)
{
	struct large *large = large_cache_take(bytes, 1, LARGE_CACHE_WHOLE_ONLY);
	large_cache_check();
	check(large == NULL || large->mapping.bytes >= bytes);
	return large;
}

static struct large *take_joined(size_t bytes)
{
	struct large *large = large_cache_take(bytes, 1, LARGE_CACHE_JOINED);
	large_cache_check();
	check(large == NULL || large->mapping.bytes >= bytes);
	return large;
}

static bool finds(size_t bytes)
{
	struct large *large = take(bytes);
	if (large != NULL)
		put(large);
	return large != NULL;
}

static char *base_of(const struct large *large) { return (char *)large->mapping.base; }

/* A program that has shown by one block that it asks again: so many bytes may be kept from now on. */
static void allow(size_t bytes)
{
	put(fresh(bytes));
	check(take(bytes) == NULL);
}

/* Free, ask, free: the second time the mapping is kept, as the request met the ghost of the first. */
static char *teach(size_t bytes)
{
	allow(bytes);
	struct large *large = fresh_apart(bytes);
	char *base = base_of(large);
	put(large);
	return base;
}

/* Several at once. */
static void keep(size_t count, size_t bytes, char **bases)
{
	allow(count * bytes);
	for (size_t i = 0; i < count; i++) {
		struct large *large = fresh_apart(bytes);
		bases[i] = base_of(large);
		put(large);
	}
	check(large_cache_held_bytes() == count * bytes);
}

/* Nothing is kept any more, and nothing of what was there before teaches anything. */
static void forget(void)
{
	large_cache_drain();
	for (size_t i = 0; i < MANY; i++)
		large_cache_put(fresh(os_page_size()));
}

/* So many requests that nothing serves: nothing that is kept is wanted meanwhile. */
static void ask_in_vain(size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_false(finds(64 * MIB));
}

/* Requests that nothing serves until less is kept: how many. */
static size_t requests_until_less(void)
{
	size_t held = large_cache_held_bytes();
	size_t count = 0;
	for (; large_cache_held_bytes() == held; count++) {
		assert_true(count < 100 * MANY);
		ask_in_vain(1);
	}
	return count;
}

enum { BOUND_STEP_BYTES = 4 * MIB };

/* Where nothing is live: the bytes that are kept of as many mappings as one likes. */
static void keep_all_that_may_be(void *unused)
{
	(void)unused;
	size_t before;
	allow(GIB);
	do {
		before = large_cache_held_bytes();
		put(fresh_apart(BOUND_STEP_BYTES));
	} while (large_cache_held_bytes() > before);
	fprintf(stderr, "%zu", before);
}

/* A little more than that: what the store may keep. In a child, so that this one's store has seen nothing. */
static size_t bound_bytes(void)
{
	char text[1000];
	int status = unit_capture(keep_all_that_may_be, NULL, text, sizeof(text));
	if (status != 0)
		fprintf(stderr, "%s", text);
	check(status == 0);
	return strtoul(text, NULL, 10) + BOUND_STEP_BYTES;
}

static void the_first_mapping_is_unmapped(void **state)
{
	(void)state;
	struct large *large = fresh(1 * MIB);
	char *base = base_of(large);
	put(large);
	assert_false(os_is_mapped(base));
	assert_int_equal(large_cache_held_bytes(), 0);
	assert_true(large_cache_unmapped((uintptr_t)base + 5) && !large_cache_keeps((uintptr_t)base + 5));
	assert_null(take(1 * MIB));
}

static void the_second_is_kept(void **state)
{
	(void)state;
	char *base = teach(1 * MIB);
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
	assert_true(os_is_mapped(base));
	memset(base, 3, 1 * MIB);
	struct large *large = take(1 * MIB);
	assert_ptr_equal(base_of(large), base);
	assert_int_equal(large->mapping.bytes, 1 * MIB);
	assert_int_equal(large_cache_held_bytes(), 0);
	/* Its content is as it was, and the block begins where it began. */
	assert_int_equal(base[77], 3);
	assert_int_equal(large->address, large->mapping.base);
	/* A loop over it pays no more. */
	for (int i = 0; i < 1000; i++) {
		put(large);
		large = take(1 * MIB);
		assert_ptr_equal(base_of(large), base);
	}
}

static void what_is_kept_is_remembered(void **state)
{
	(void)state;
	uintptr_t base = (uintptr_t)teach(1 * MIB);
	assert_true(large_cache_keeps(base) && large_cache_keeps(base + 1 * MIB - 1));
	assert_false(large_cache_keeps(base + 1 * MIB) || large_cache_keeps(base - 1));
	assert_false(large_cache_keeps(0) || large_cache_keeps(UINTPTR_MAX));
	assert_false(large_cache_unmapped(0) || large_cache_unmapped(UINTPTR_MAX));
	assert_non_null(take(1 * MIB));
	assert_false(large_cache_keeps(base));
}

static void what_is_never_asked_for_again_is_not_kept(void **state)
{
	(void)state;
	for (size_t i = 1; i < 200; i++) {
		put(fresh(i * 64 * KIB));
		assert_int_equal(large_cache_held_bytes(), 0);
	}
}

/* One that is long enough would have helped: one that is far shorter would not. */
static void a_short_ghost_teaches_nothing(void **state)
{
	(void)state;
	put(fresh(1 * MIB));
	assert_null(take(64 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(large_cache_held_bytes(), 0);
	assert_null(take(1 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
}

/* One request and one ghost: the same ghost does not count twice. */
static void a_ghost_counts_once(void **state)
{
	(void)state;
	put(fresh(1 * MIB));
	assert_null(take(1 * MIB));
	assert_null(take(1 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
	/* The allowance is used up by one. */
	put(fresh(1 * MIB));
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
}

static void old_ghosts_are_forgotten(void **state)
{
	(void)state;
	put(fresh(4 * MIB));
	forget();
	assert_null(take(4 * MIB));
	put(fresh(64 * KIB));
	assert_int_equal(large_cache_held_bytes(), 0);
	/* But not after one other. */
	put(fresh(4 * MIB));
	put(fresh(64 * KIB));
	assert_null(take(4 * MIB));
	put(fresh(64 * KIB));
	assert_int_equal(large_cache_held_bytes(), 64 * KIB);
}

static void the_shortest_that_fits_is_taken(void **state)
{
	(void)state;
	teach(1000 * KIB);
	char *middle = teach(1024 * KIB);
	char *longest = teach(1028 * KIB);
	assert_int_equal(large_cache_held_bytes(), (1000 + 1024 + 1028) * KIB);
	assert_ptr_equal(base_of(take(1020 * KIB)), middle);
	assert_ptr_equal(base_of(take(1020 * KIB)), longest);
	assert_null(take(1020 * KIB));
}

/* Of a kept mapping a request gets the front, and the rest stays kept; or it gets all of it: false. */
static bool is_cut(size_t bytes, size_t wanted)
{
	char *base = teach(bytes);
	struct large *large = take(wanted);
	size_t got = large->mapping.bytes;
	assert_ptr_equal(base_of(large), base);
	assert_true(got == wanted || got == bytes);
	assert_int_equal(large_cache_held_bytes(), bytes - got);
	if (got < bytes) {
		struct large *rest = take(bytes - got);
		assert_ptr_equal(base_of(rest), base + got);
		assert_int_equal(rest->mapping.bytes, bytes - got);
		assert_int_equal(rest->address, 0);
		put(rest);
	}
	put(large);
	forget();
	return got < bytes;
}

/* Unless it is little. */
static void what_is_left_stays_kept(void **state)
{
	(void)state;
	bool before = false;
	assert_false(is_cut(1 * MIB, 1 * MIB));
	assert_true(is_cut(4 * MIB, 4 * KIB));
	for (size_t rest = 4 * KIB; rest <= 1 * MIB; rest *= 2) {
		bool is = is_cut(1 * MIB + rest, 1 * MIB);
		assert_true(is >= before);
		before = is;
	}
	assert_true(before);
}

/* However the pieces of a mapping come back, they are one again. */
static void neighbours_merge(void **state)
{
	(void)state;
	static const size_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	char *base = teach(3 * MIB);
	for (size_t i = 0; i < 6; i++) {
		struct large *part[3];
		for (size_t n = 0; n < 3; n++) {
			part[n] = take(1 * MIB);
			assert_ptr_equal(base_of(part[n]), base + n * MIB);
		}
		assert_int_equal(large_cache_held_bytes(), 0);
		for (size_t n = 0; n < 3; n++)
			put(part[orders[i][n]]);
		struct large *whole = take(3 * MIB);
		assert_non_null(whole);
		assert_ptr_equal(base_of(whole), base);
		assert_int_equal(whole->mapping.npieces, 1);
		put(whole);
	}
}

/* Splits the notes, not the addresses. */
static void note_pieces(struct mapping *mapping, size_t npieces, size_t first_area)
{
	size_t each = mapping->bytes / npieces / os_page_size() * os_page_size();
	for (size_t i = 0; i < npieces; i++)
		mapping->piece[i] = (struct piece){each, first_area + i};
	mapping->piece[npieces - 1].bytes += mapping->bytes - npieces * each;
	mapping->npieces = npieces;
}

static void neighbours_of_too_many_pieces_stay_apart(void **state)
{
	(void)state;
	char *base = teach(4 * MIB);
	struct large *front = take(2 * MIB);
	struct large *behind = take(2 * MIB);
	note_pieces(&front->mapping, MAPPING_PIECES / 2, 1000);
	note_pieces(&behind->mapping, MAPPING_PIECES / 2 + 1, 2000);
	put(behind);
	put(front);
	assert_int_equal(large_cache_held_bytes(), 4 * MIB);
	assert_null(take(4 * MIB));
	front = take(2 * MIB);
	behind = take(2 * MIB);
	assert_int_equal(base_of(front) < base_of(behind), front->mapping.npieces == MAPPING_PIECES / 2);
	/* With one piece less they may be one. */
	struct large *last = base_of(front) == base ? behind : front;
	note_pieces(&last->mapping, MAPPING_PIECES / 2, 2000);
	put(behind);
	put(front);
	assert_non_null(take(4 * MIB));
}

static size_t resident_pages(const struct large *large)
{
	size_t count = 0;
	for (size_t at = 0; at < large->mapping.bytes; at += os_page_size())
		count += page_is_resident(base_of(large) + at);
	return count;
}

/* Their frames serve, and only what they lack is new. */
static void several_serve_a_long_request(void **state)
{
	(void)state;
	char *bases[3];
	keep(3, 1 * MIB, bases);
	for (size_t i = 0; i < 3; i++)
		memset(bases[i], 1, 1 * MIB);
	struct large *large = take_joined(4 * MIB);
	assert_non_null(large);
	assert_int_equal(large->mapping.bytes, 4 * MIB);
	assert_int_equal(large->mapping.npieces, 4);
	assert_int_equal(large->address, 0);
	assert_int_equal(resident_pages(large), 3 * MIB / os_page_size());
	assert_int_equal(large_cache_held_bytes(), 0);
	for (size_t i = 0; i < 3; i++)
		assert_false(os_is_mapped(bases[i]));
	put(large);
}

/* The last of them gives only what is lacking. */
static void no_more_is_joined_than_is_wanted(void **state)
{
	(void)state;
	char *bases[3];
	keep(3, 2 * MIB, bases);
	struct large *large = take_joined(5 * MIB);
	assert_int_equal(large->mapping.bytes, 5 * MIB);
	assert_int_equal(large->mapping.npieces, 3);
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
	assert_non_null(take(1 * MIB));
}

/* A request of `bytes` with two parts that make it up: joined or not, and then nothing is changed. */
static bool is_joined(size_t bytes)
{
	char *bases[2];
	keep(2, bytes / 2, bases);
	/* calloc would have to clear what need not be cleared. */
	assert_null(take(bytes));
	assert_int_equal(large_cache_held_bytes(), bytes);
	struct large *large = take_joined(bytes);
	assert_int_equal(large_cache_held_bytes(), large == NULL ? bytes : 0);
	if (large != NULL) {
		assert_int_equal(large->mapping.bytes, bytes);
		assert_int_equal(large->mapping.npieces, 2);
		put(large);
	}
	forget();
	return large != NULL;
}

static void only_long_requests_are_joined(void **state)
{
	(void)state;
	bool before = false;
	assert_false(is_joined(8 * KIB));
	for (size_t bytes = 16 * KIB; bytes <= 16 * MIB; bytes *= 2) {
		bool is = is_joined(bytes);
		assert_true(is >= before);
		before = is;
	}
	assert_true(before);
}

/* Eight parts for a request of 9 MiB: all are used, or none. */
static bool serves_as_part(size_t part_bytes)
{
	char *bases[8];
	keep(8, part_bytes, bases);
	struct large *large = take_joined(9 * MIB);
	assert_int_equal(large_cache_held_bytes(), large == NULL ? 8 * part_bytes : 0);
	if (large != NULL) {
		assert_int_equal(large->mapping.npieces, 9);
		put(large);
	}
	forget();
	return large != NULL;
}

static void short_mappings_are_not_joined(void **state)
{
	(void)state;
	bool before = false;
	assert_false(serves_as_part(4 * KIB));
	for (size_t bytes = 8 * KIB; bytes <= 1 * MIB; bytes *= 2) {
		bool serves = serves_as_part(bytes);
		assert_true(serves >= before);
		before = serves;
	}
	assert_true(before);
}

/* A mapping has room for so many pieces only: the others stay kept. */
static void only_so_many_are_joined(void **state)
{
	(void)state;
	enum { PARTS = MAPPING_PIECES + 8 };
	char *bases[PARTS];
	large_cache_count(0, 2 * PARTS * MIB);
	keep(PARTS, 1 * MIB, bases);
	struct large *large = take_joined(2 * PARTS * MIB);
	assert_in_range(large->mapping.npieces, 3, MAPPING_PIECES);
	assert_int_equal(large->mapping.bytes, 2 * PARTS * MIB);
	assert_int_equal(large_cache_held_bytes(), (PARTS - (large->mapping.npieces - 1)) * MIB);
}

/* All pieces and one for what is lacking must find place in a mapping. */
static void parts_of_many_pieces_are_left_out(void **state)
{
	(void)state;
	large_cache_count(0, 64 * MIB);
	allow(40 * MIB);
	static const size_t npieces[] = {MAPPING_PIECES, MAPPING_PIECES - 12, 11, 12};
	for (size_t i = 0; i < 4; i++) {
		struct large *large = fresh_apart((4 - i) * MIB);
		note_pieces(&large->mapping, npieces[i], 1000 * (i + 1));
		put(large);
	}
	struct large *large = take_joined(16 * MIB);
	assert_int_equal(large->mapping.npieces, MAPPING_PIECES);
	assert_int_equal(large_cache_held_bytes(), (4 + 1) * MIB);
}

static void nothing_is_joined_where_moving_is_refused(void **state)
{
	(void)state;
	char *bases[4];
	keep(4, 4 * MIB, bases);
	refuse_system_call(SYS_mremap, EPERM);
	assert_null(take_joined(8 * MIB));
	assert_int_equal(large_cache_held_bytes(), 8 * MIB);
	/* The two that were tried are lost; no others are. */
	assert_null(take_joined(8 * MIB));
	assert_int_equal(large_cache_held_bytes(), 8 * MIB);
	assert_true(finds(4 * MIB));
}

/* What a join lacks was paid for in vain where a ghost of that length would have helped. */
static void a_join_learns_from_what_it_lacks(void **state)
{
	(void)state;
	large_cache_count(0, 64 * MIB);
	teach(3 * MIB);
	put(fresh(2 * MIB));
	struct large *large = take_joined(5 * MIB);
	assert_int_equal(large_cache_held_bytes(), 0);
	put(large);
	/* 3 MiB were allowed, and 2 more are now. */
	assert_int_equal(large_cache_held_bytes(), 5 * MIB);
	put(fresh_apart(64 * KIB));
	assert_int_equal(large_cache_held_bytes(), 5 * MIB);
}

static void what_nobody_wants_for_long_goes(void **state)
{
	(void)state;
	char *base = teach(1 * MIB);
	/* A program that asks for other things for a while has not forgotten it. */
	assert_true(requests_until_less() > 100);
	assert_int_equal(large_cache_held_bytes(), 0);
	assert_false(os_is_mapped(base));
	/* The allowance went with it. */
	put(fresh(1 * MIB));
	assert_int_equal(large_cache_held_bytes(), 0);
}

/* How long a mapping is kept that nobody wants, in requests. */
static size_t find_age(void)
{
	teach(1 * MIB);
	size_t age = requests_until_less();
	assert_int_equal(large_cache_held_bytes(), 0);
	return age;
}

/* The front is asked for again and again: what is left behind it grows old all the same. */
static void a_rest_that_nobody_wants_goes(void **state)
{
	(void)state;
	size_t age = find_age();
	teach(4 * MIB);
	ask_in_vain(age / 2);
	struct large *front = take(1 * MIB);
	assert_in_range(requests_until_less(), 1, age / 2 + 1);
	assert_int_equal(large_cache_held_bytes(), 0);
	put(front);
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
}

/* What came back is wanted, and so is all that it is one with. */
static void what_merges_is_young_again(void **state)
{
	(void)state;
	size_t age = find_age();
	teach(4 * MIB);
	struct large *front = take(1 * MIB);
	struct large *middle = take(1 * MIB);
	put(front);
	ask_in_vain(age / 4 * 3);
	put(middle);
	assert_int_equal(requests_until_less(), age);
	assert_int_equal(large_cache_held_bytes(), 0);
}

static void what_is_wanted_stays(void **state)
{
	(void)state;
	size_t age = find_age();
	teach(1 * MIB);
	for (size_t i = 0; i < 20; i++) {
		ask_in_vain(age / 2);
		assert_true(finds(1 * MIB));
	}
	assert_int_equal(large_cache_held_bytes(), 1 * MIB);
}

/* However much a program frees and asks for again, with few large blocks live. */
static void what_is_kept_is_bounded(void **state)
{
	(void)state;
	struct random random = random_start(60);
	size_t most = 0;
	size_t bound = bound_bytes();
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		size_t bytes = (1 + random_below(&random, 256)) * 64 * KIB;
		now_us += 10000;
		struct large *large = take_joined(bytes);
		if (large == NULL)
			large = fresh(bytes);
		/* What is too little to be kept goes with it. */
		check(large->mapping.bytes <= bytes + bytes / 2 + 256 * KIB);
		put(large);
		check(large_cache_held_bytes() <= bound);
		most = size_max(most, large_cache_held_bytes());
	}
	assert_true(most > 4 * MIB);
	assert_true(large_cache_drain());
	assert_int_equal(large_cache_held_bytes(), 0);
	assert_false(large_cache_drain());
}

/* With more live, as much as is live; when that becomes less, the excess goes at the next free. */
static void what_is_kept_follows_the_live_blocks(void **state)
{
	(void)state;
	size_t bound = bound_bytes();
	size_t each = round_up(bound / 8, os_page_size());
	large_cache_count(0, 5 * bound);
	struct large *last = fresh_apart(1 * MIB);
	allow(24 * each);
	for (size_t i = 0; i < 24; i++)
		put(fresh_apart(each));
	assert_int_equal(large_cache_held_bytes(), 24 * each);
	large_cache_count(0, (size_t)0 - 3 * bound);
	put(last);
	assert_in_range(large_cache_held_bytes(), 2 * bound - each, 2 * bound);
	large_cache_count(0, (size_t)0 - 2 * bound);
	put(fresh(1 * MIB));
	assert_in_range(large_cache_held_bytes(), bound / 2, bound);
}

/* What was kept first goes first. */
static void the_oldest_of_the_excess_goes(void **state)
{
	(void)state;
	char *base[4];
	size_t bound = bound_bytes();
	large_cache_count(0, 4 * bound);
	keep(4, round_up(bound / 2, os_page_size()), base);
	large_cache_count(0, (size_t)0 - 4 * bound);
	put(fresh_apart(64 * KIB));
	for (size_t i = 1; i < 4; i++)
		assert_true(os_is_mapped(base[i]) >= os_is_mapped(base[i - 1]));
	assert_true(!os_is_mapped(base[0]) && os_is_mapped(base[3]));
}

/* One that begins at such a multiple, even where a shorter one does not. */
static void an_aligned_request_takes_an_aligned_mapping(void **state)
{
	(void)state;
	allow(6 * MIB);
	struct large *odd = fresh_apart(1 * MIB);
	size_t alignment = (base_of(odd) - (char *)0) & (0 - (uintptr_t)base_of(odd));
	put(odd);
	assert_null(large_cache_take(1 * MIB, 2 * alignment, LARGE_CACHE_WHOLE_ONLY));
	struct large *even = large_descriptor_alloc();
	assert_true(even != NULL && mapping_create(&even->mapping, 2 * MIB, 2 * alignment));
	even->address = even->mapping.base;
	large_cache_count(1, 2 * MIB);
	put(even);
	struct large *taken = large_cache_take(1 * MIB, 2 * alignment, LARGE_CACHE_WHOLE_ONLY);
	assert_ptr_equal(taken, even);
	assert_int_equal(taken->mapping.base % (2 * alignment), 0);
	/* The rest behind it is no longer so aligned, but long enough for others. */
	assert_ptr_equal(large_cache_take(1 * MIB, alignment, LARGE_CACHE_WHOLE_ONLY), odd);
	assert_non_null(take(1 * MIB));
	large_cache_check();
}

/* From the middle of a long one, whose front and rest stay kept, and all becomes one again. */
static void an_aligned_request_is_cut_out(void **state)
{
	(void)state;
	allow(8 * MIB);
	struct large *whole = large_descriptor_alloc();
	assert_true(whole != NULL && mapping_create(&whole->mapping, 8 * MIB, 4 * MIB));
	char *base = base_of(whole);
	whole->address = whole->mapping.base;
	large_cache_count(1, 8 * MIB);
	put(whole);
	struct large *first = take(1 * MIB);
	struct large *aligned = large_cache_take(1 * MIB, 4 * MIB, LARGE_CACHE_WHOLE_ONLY);
	assert_ptr_equal(base_of(first), base);
	assert_ptr_equal(base_of(aligned), base + 4 * MIB);
	assert_int_equal(aligned->mapping.bytes, 1 * MIB);
	assert_int_equal(large_cache_held_bytes(), 6 * MIB);
	large_cache_check();
	struct large *third = take(3 * MIB);
	struct large *fourth = take(3 * MIB);
	assert_int_equal(base_of(third) - base + (base_of(fourth) - base), 6 * MIB);
	put(aligned);
	put(third);
	put(first);
	put(fourth);
	large_cache_check();
	assert_ptr_equal(base_of(take(8 * MIB)), base);
}

/* A request of twice what is kept; if it is joined the block goes, and as much is kept again. */
static bool join_one(size_t bytes)
{
	size_t held = large_cache_held_bytes();
	struct large *large = take_joined(bytes);
	if (large == NULL) {
		check(large_cache_held_bytes() == held);
		return false;
	}
	mapping_destroy(&large->mapping);
	large_cache_count((size_t)-1, 0 - large->mapping.bytes);
	large_descriptor_free(large);
	put(fresh_apart(bytes / 2));
	return true;
}

enum { JOINED_BYTES = 16 * MIB };

/* Joined again and again while no time passes: bytes asked for until the store is not to join any more. */
static size_t joined_in_a_burst(void)
{
	size_t sum = 0;
	for (size_t i = 0; i < MANY && join_one(JOINED_BYTES); i++)
		sum += JOINED_BYTES;
	assert_true(sum < (size_t)MANY * JOINED_BYTES);
	return sum;
}

/*
 * Faster than memory can be written it is not worth it: so much at once, and from there on what the time that passes
 * allows. Nothing is written here.
 */
static void a_burst_is_joined_and_then_no_more(void **state)
{
	(void)state;
	large_cache_count(0, 64 * MIB);
	allow(JOINED_BYTES);
	put(fresh_apart(JOINED_BYTES / 2));
	size_t burst = joined_in_a_burst();
	assert_true(burst > 2 * JOINED_BYTES);
	assert_int_equal(joined_in_a_burst(), 0);
	/* What is long enough as a whole is served all the same. */
	assert_true(finds(JOINED_BYTES / 2));
	/* The more time, the more, up to the burst: what was not used of it does not add up. */
	size_t before = 0;
	for (uint64_t us = 1; us <= 1000000; us *= 10) {
		now_us += us;
		size_t sum = joined_in_a_burst();
		assert_in_range(sum, before, burst);
		before = sum;
	}
	assert_int_equal(before, burst);
	for (int i = 0; i < 3; i++) {
		now_us += 1000000;
		assert_true(join_one(JOINED_BYTES));
	}
	assert_int_equal(joined_in_a_burst(), burst - JOINED_BYTES);
}

/* The store has room for so many mappings, however short they are. All of them can be had again. */
static void so_many_slots_and_no_more(void **state)
{
	(void)state;
	large_cache_count(0, GIB);
	allow(GIB);
	size_t most = 0;
	for (size_t i = 0; i < MANY; i++) {
		put(fresh_apart(128 * KIB));
		assert_true(large_cache_held_bytes() == most + 128 * KIB || large_cache_held_bytes() == most);
		assert_true(large_cache_held_bytes() > 0);
		most = large_cache_held_bytes();
	}
	assert_true(most < (size_t)MANY * 128 * KIB);
	for (size_t held = 0; held < most; held += 128 * KIB)
		assert_non_null(take(128 * KIB));
	assert_null(take(4 * KIB));
}

/* With the last of its mappings drained the store begins anew. */
static void a_drained_store_keeps_nothing(void **state)
{
	(void)state;
	char *base[2];
	keep(2, 1 * MIB, base);
	assert_true(large_cache_drain());
	assert_false(large_cache_drain());
	large_cache_check();
	assert_int_equal(large_cache_held_bytes(), 0);
	assert_false(os_is_mapped(base[0]) || os_is_mapped(base[1]));
	put(fresh(2 * MIB));
	assert_int_equal(large_cache_held_bytes(), 0);
}

static void expect_counts(size_t blocks, size_t bytes, size_t blocks_most, size_t bytes_most)
{
	struct large_cache_counts counts = large_cache_counts();
	assert_int_equal(counts.blocks, blocks);
	assert_int_equal(counts.bytes, bytes);
	assert_int_equal(counts.blocks_most, blocks_most);
	assert_int_equal(counts.bytes_most, bytes_most);
	assert_int_equal(large_cache_live_blocks(), blocks);
}

/* By the bytes that the store gives, not by those that were asked for. */
static void live_blocks_are_counted(void **state)
{
	(void)state;
	expect_counts(0, 0, 0, 0);
	teach(2 * MIB);
	expect_counts(0, 0, 1, 2 * MIB);
	struct large *large = take(2 * MIB - 4 * KIB);
	expect_counts(1, 2 * MIB, 1, 2 * MIB);
	struct large *other = fresh(3 * MIB);
	expect_counts(2, 5 * MIB, 2, 5 * MIB);
	assert_int_equal(mapping_resize(&other->mapping, 1 * MIB), OS_REMAPPED);
	large_cache_count(0, (size_t)0 - 2 * MIB);
	expect_counts(2, 3 * MIB, 2, 5 * MIB);
	put(large);
	expect_counts(1, 1 * MIB, 2, 5 * MIB);
	large = take(1 * MIB);
	expect_counts(2, 2 * MIB, 2, 5 * MIB);
	put(large);
	large = take_joined(8 * MIB);
	expect_counts(2, 9 * MIB, 2, 9 * MIB);
	put(large);
	put(other);
	expect_counts(0, 0, 2, 9 * MIB);
}

/* The model: live blocks beside the mark that each of their 16 KiB has; what is kept must lie elsewhere. */
enum { LIVE = 40, STEP_BYTES = 16 * KIB };

struct live {
	struct large *large;
	char mark;
};

static void live_check(const struct live *live)
{
	mapping_check(&live->large->mapping);
	for (size_t at = 0; at < live->large->mapping.bytes; at += STEP_BYTES)
		check(base_of(live->large)[at] == live->mark);
}

static void live_write(struct random *random, struct live *live)
{
	live->mark = (char)random_next(random);
	for (size_t at = 0; at < live->large->mapping.bytes; at += STEP_BYTES)
		base_of(live->large)[at] = live->mark;
}

static bool overlap(const struct mapping *one, const struct mapping *other)
{
	return one->base < other->base + other->bytes && other->base < one->base + one->bytes;
}

static void live_take(struct random *random, struct live *live)
{
	bool is_long = random_one_in(random, 3);
	size_t bytes = is_long ? 2 * MIB + random_below(random, 6 * MIB) : 128 * KIB + random_below(random, MIB);
	bytes = round_up(bytes, os_page_size());
	live->large = large_cache_take(bytes, 1, random_one_in(random, 5) ? LARGE_CACHE_WHOLE_ONLY : LARGE_CACHE_JOINED);
	if (live->large == NULL)
		live->large = fresh(bytes);
	check(live->large->mapping.bytes >= bytes);
	live_write(random, live);
}

static void step(struct random *random, struct live *live)
{
	now_us += 10000;
	if (live->large == NULL) {
		live_take(random, live);
		return;
	}
	live_check(live);
	large_cache_put(live->large);
	live->large = NULL;
}

/* All that is live, and nothing of it is kept besides. */
static void check_apart(const struct live *live)
{
	size_t bytes = 0;
	for (size_t i = 0; i < LIVE; i++) {
		if (live[i].large == NULL)
			continue;
		const struct mapping *mapping = &live[i].large->mapping;
		for (size_t n = 0; n < i; n++)
			check(live[n].large == NULL || !overlap(mapping, &live[n].large->mapping));
		bytes += mapping->bytes;
	}
	check(bytes == large_cache_counts().bytes);
}

static void give_all_back(struct live *live)
{
	for (size_t i = 0; i < LIVE; i++) {
		if (live[i].large == NULL)
			continue;
		live_check(&live[i]);
		large_cache_put(live[i].large);
		live[i].large = NULL;
	}
}

/* What overlapped would be unmapped by the drain, and lost would be what is mapped in the end. */
static void nobody_else_has_a_live_block(void **state)
{
	(void)state;
	static struct live live[LIVE];
	struct random random = random_start(75);
	size_t bound = bound_bytes();
	size_t pages = address_space_pages() - meta_mapped_bytes() / os_page_size();
	for (size_t i = 0; i < unit_rounds(6000); i++) {
		step(&random, &live[random_below(&random, LIVE)]);
		large_cache_check();
		check(large_cache_held_bytes() <= size_max(large_cache_counts().bytes, bound) + 10 * MIB);
		check_apart(live);
		if (random_one_in(&random, 400)) {
			large_cache_drain();
			for (size_t n = 0; n < LIVE; n++)
				if (live[n].large != NULL)
					live_check(&live[n]);
		}
	}
	give_all_back(live);
	large_cache_drain();
	large_cache_check();
	assert_int_equal(large_cache_counts().blocks + large_cache_counts().bytes + large_cache_held_bytes(), 0);
	/* valgrind maps for itself too. */
	if (!RUNNING_ON_VALGRIND)
		assert_in_range(address_space_pages() - meta_mapped_bytes() / os_page_size(), pages, pages + 16);
}

enum { THREADS = 4 };

/* Who takes a mapping owns it: nobody else writes there. */
static void churn(unsigned index)
{
	static struct live live[THREADS][LIVE];
	struct random random = random_start(70 + index);
	for (size_t i = 0; i < unit_rounds(2000); i++) {
		step(&random, &live[index][random_below(&random, LIVE / 4)]);
		if (random_one_in(&random, 300))
			large_cache_drain();
		large_cache_keeps((uintptr_t)&random - i);
		large_cache_unmapped((uintptr_t)&random - i);
		large_cache_counts();
	}
	give_all_back(live[index]);
}

static void threads_share_the_store(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	large_cache_check();
	assert_true(large_cache_held_bytes() <= bound_bytes());
	large_cache_drain();
	assert_int_equal(large_cache_held_bytes() + large_cache_live_blocks() + large_cache_counts().bytes, 0);
}

UNIT_MAIN(UNIT(the_first_mapping_is_unmapped), UNIT(the_second_is_kept), UNIT(what_is_kept_is_remembered),
	  UNIT(what_is_never_asked_for_again_is_not_kept), UNIT(a_short_ghost_teaches_nothing), UNIT(a_ghost_counts_once),
	  UNIT(old_ghosts_are_forgotten), UNIT(the_shortest_that_fits_is_taken), UNIT(what_is_left_stays_kept),
	  UNIT(neighbours_merge), UNIT(neighbours_of_too_many_pieces_stay_apart), UNIT(several_serve_a_long_request),
	  UNIT(no_more_is_joined_than_is_wanted), UNIT(only_long_requests_are_joined), UNIT(short_mappings_are_not_joined),
	  UNIT(only_so_many_are_joined), UNIT(parts_of_many_pieces_are_left_out),
	  UNIT(nothing_is_joined_where_moving_is_refused), UNIT(a_join_learns_from_what_it_lacks),
	  UNIT(what_nobody_wants_for_long_goes), UNIT(a_rest_that_nobody_wants_goes),
	  UNIT(what_merges_is_young_again), UNIT(what_is_wanted_stays),
	  UNIT(what_is_kept_is_bounded), UNIT(what_is_kept_follows_the_live_blocks), UNIT(the_oldest_of_the_excess_goes),
	  UNIT(an_aligned_request_takes_an_aligned_mapping), UNIT(an_aligned_request_is_cut_out), UNIT(a_burst_is_joined_and_then_no_more),
	  UNIT(so_many_slots_and_no_more), UNIT(a_drained_store_keeps_nothing), UNIT(live_blocks_are_counted),
	  UNIT(nobody_else_has_a_live_block), UNIT(threads_share_the_store))
