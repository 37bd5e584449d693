/*
 * store.c - freed mappings: unmapped the first time, kept once the program has shown that it asks again; cut, merged
 * and joined to serve what is asked for; bounded. The live blocks are counted.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "large/store.h"
#include "os/clock.h"
#include "os/map.h"
#include "os/page_size.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

enum {
	KIB = 1024,
	MIB = 1024 * KIB,
	SLOTS = 64,
	GHOSTS = 16,
	AGE_MAX = 1024,
	ALLOWANCE_BYTES = 64 * MIB,
	PARTS_MAX = 16,
	JOIN_BURST_BYTES = 256 * MIB,
	JOIN_BYTES_PER_US = 32 * KIB,
};

/* A live block that did not come from the store. */
static struct large *fresh(size_t bytes)
{
	struct large *large = large_descriptor_alloc();
	check(large != NULL && mapping_create(&large->mapping, bytes, 1));
	large->address = large->mapping.base;
	store_count(1, bytes);
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
	store_count(0, bytes - guard);
	return large;
}

static void put(struct large *large)
{
	store_put(large);
	store_check();
}

static struct large *take(size_t bytes)
{
	struct large *large = store_take(bytes, 1, STORE_WHOLE_ONLY);
	store_check();
	check(large == NULL || large->mapping.bytes >= bytes);
	return large;
}

static struct large *take_joined(size_t bytes)
{
	struct large *large = store_take(bytes, 1, STORE_JOINED);
	store_check();
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
	check(store_held_bytes() == count * bytes);
}

static void the_first_mapping_is_unmapped(void **state)
{
	(void)state;
	struct large *large = fresh(1 * MIB);
	char *base = base_of(large);
	put(large);
	assert_false(os_is_mapped(base));
	assert_int_equal(store_held_bytes(), 0);
	assert_true(store_unmapped((uintptr_t)base + 5) && !store_keeps((uintptr_t)base + 5));
	assert_null(take(1 * MIB));
}

static void the_second_is_kept(void **state)
{
	(void)state;
	char *base = teach(1 * MIB);
	assert_int_equal(store_held_bytes(), 1 * MIB);
	assert_true(os_is_mapped(base));
	memset(base, 3, 1 * MIB);
	struct large *large = take(1 * MIB);
	assert_ptr_equal(base_of(large), base);
	assert_int_equal(large->mapping.bytes, 1 * MIB);
	assert_int_equal(store_held_bytes(), 0);
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
	assert_true(store_keeps(base) && store_keeps(base + 1 * MIB - 1));
	assert_false(store_keeps(base + 1 * MIB) || store_keeps(base - 1));
	assert_false(store_keeps(0) || store_keeps(UINTPTR_MAX));
	assert_false(store_unmapped(0) || store_unmapped(UINTPTR_MAX));
	assert_non_null(take(1 * MIB));
	assert_false(store_keeps(base));
}

static void what_is_never_asked_for_again_is_not_kept(void **state)
{
	(void)state;
	for (size_t i = 1; i < 200; i++) {
		put(fresh(i * 64 * KIB));
		assert_int_equal(store_held_bytes(), 0);
	}
}

/* A ghost of half the length would have helped: a shorter one would not. */
static void a_short_ghost_teaches_nothing(void **state)
{
	(void)state;
	put(fresh(1 * MIB));
	assert_null(take(2 * MIB + 8 * KIB));
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 0);
	assert_null(take(2 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

/* One request and one ghost: the same ghost does not count twice. */
static void a_ghost_counts_once(void **state)
{
	(void)state;
	put(fresh(1 * MIB));
	assert_null(take(1 * MIB));
	assert_null(take(1 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 1 * MIB);
	/* The allowance is used up by one. */
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

static void old_ghosts_are_forgotten(void **state)
{
	(void)state;
	put(fresh(4 * MIB));
	for (size_t i = 0; i < GHOSTS; i++)
		put(fresh(1 * MIB));
	assert_null(take(4 * MIB));
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 0);
}

static void the_shortest_that_fits_is_taken(void **state)
{
	(void)state;
	teach(1000 * KIB);
	char *middle = teach(1040 * KIB);
	char *longest = teach(1100 * KIB);
	assert_int_equal(store_held_bytes(), (1000 + 1100 + 1040) * KIB);
	struct large *large = take(1020 * KIB);
	assert_ptr_equal(base_of(large), middle);
	assert_int_equal(large->mapping.bytes, 1040 * KIB);
	large = take(1020 * KIB);
	assert_ptr_equal(base_of(large), longest);
	assert_int_equal(large->mapping.bytes, 1100 * KIB);
	assert_null(take(1020 * KIB));
	assert_int_equal(store_held_bytes(), 1000 * KIB);
}

/* Of a kept mapping of `bytes` a request of `wanted` gets `got`; the rest stays kept. */
static void cut(size_t bytes, size_t wanted, size_t got)
{
	char *base = teach(bytes);
	struct large *large = take(wanted);
	assert_ptr_equal(base_of(large), base);
	assert_int_equal(large->mapping.bytes, got);
	assert_int_equal(store_held_bytes(), bytes - got);
	if (got < bytes) {
		struct large *rest = take(bytes - got);
		assert_ptr_equal(base_of(rest), base + got);
		assert_int_equal(rest->mapping.bytes, bytes - got);
		assert_int_equal(rest->address, 0);
		put(rest);
	}
	put(large);
	store_drain();
}

/* Unless it is little: less than 64 KiB, or not more than an eighth. */
static void what_is_left_stays_kept(void **state)
{
	(void)state;
	cut(1 * MIB, 512 * KIB, 512 * KIB);
	cut(4 * MIB, 4 * KIB, 4 * KIB);
	cut(192 * KIB, 128 * KIB, 128 * KIB);
	cut(188 * KIB, 128 * KIB, 188 * KIB);
	cut(1 * MIB, 1 * MIB, 1 * MIB);
	cut(1152 * KIB, 1 * MIB, 1152 * KIB);
	cut(1156 * KIB, 1 * MIB, 1 * MIB);
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
		assert_int_equal(store_held_bytes(), 0);
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
	assert_int_equal(store_held_bytes(), 4 * MIB);
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
	assert_int_equal(store_held_bytes(), 0);
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
	assert_int_equal(store_held_bytes(), 1 * MIB);
	assert_non_null(take(1 * MIB));
}

static void only_long_requests_are_joined(void **state)
{
	(void)state;
	char *bases[4];
	keep(4, 1 * MIB, bases);
	assert_null(take_joined(2 * MIB - 4 * KIB));
	/* calloc would have to clear what need not be cleared. */
	assert_null(take(2 * MIB));
	assert_int_equal(store_held_bytes(), 4 * MIB);
	struct large *large = take_joined(2 * MIB);
	assert_int_equal(large->mapping.bytes, 2 * MIB);
	assert_int_equal(store_held_bytes(), 2 * MIB);
}

static void short_mappings_are_not_joined(void **state)
{
	(void)state;
	char *bases[8];
	keep(8, 124 * KIB, bases);
	assert_null(take_joined(2 * MIB));
	assert_int_equal(store_held_bytes(), 8 * 124 * KIB);
	teach(128 * KIB);
	struct large *large = take_joined(2 * MIB);
	assert_int_equal(large->mapping.npieces, 2);
	assert_int_equal(store_held_bytes(), 8 * 124 * KIB);
}

static void only_so_many_are_joined(void **state)
{
	(void)state;
	char *bases[PARTS_MAX + 4];
	store_count(0, 64 * MIB);
	keep(PARTS_MAX + 4, 1 * MIB, bases);
	struct large *large = take_joined(32 * MIB);
	assert_int_equal(large->mapping.npieces, PARTS_MAX + 1);
	assert_int_equal(large->mapping.bytes, 32 * MIB);
	assert_int_equal(store_held_bytes(), 4 * MIB);
}

/* All pieces and one for what is lacking must find place in a mapping. */
static void parts_of_many_pieces_are_left_out(void **state)
{
	(void)state;
	store_count(0, 64 * MIB);
	allow(40 * MIB);
	static const size_t npieces[] = {MAPPING_PIECES, 20, 11, 12};
	for (size_t i = 0; i < 4; i++) {
		struct large *large = fresh_apart((4 - i) * MIB);
		note_pieces(&large->mapping, npieces[i], 1000 * (i + 1));
		put(large);
	}
	struct large *large = take_joined(16 * MIB);
	assert_int_equal(large->mapping.npieces, MAPPING_PIECES);
	assert_int_equal(store_held_bytes(), (4 + 1) * MIB);
}

static void nothing_is_joined_where_moving_is_refused(void **state)
{
	(void)state;
	char *bases[4];
	keep(4, 1 * MIB, bases);
	refuse_system_call(SYS_mremap, EPERM);
	assert_null(take_joined(2 * MIB));
	assert_int_equal(store_held_bytes(), 2 * MIB);
	/* The two that were tried are lost; no others are. */
	assert_null(take_joined(2 * MIB));
	assert_int_equal(store_held_bytes(), 2 * MIB);
	assert_true(finds(1 * MIB));
}

/* What a join lacks was paid for in vain where a ghost of half of that would have helped. */
static void a_join_learns_from_what_it_lacks(void **state)
{
	(void)state;
	store_count(0, 64 * MIB);
	teach(3 * MIB);
	put(fresh(2 * MIB));
	struct large *large = take_joined(5 * MIB);
	assert_int_equal(store_held_bytes(), 0);
	put(large);
	/* 3 MiB were allowed, and 2 more are now. */
	assert_int_equal(store_held_bytes(), 5 * MIB);
	put(fresh_apart(64 * KIB));
	assert_int_equal(store_held_bytes(), 5 * MIB);
}

static void what_nobody_wants_for_long_goes(void **state)
{
	(void)state;
	char *base = teach(1 * MIB);
	for (size_t i = 0; i < AGE_MAX; i++) {
		assert_false(finds(64 * MIB));
		assert_int_equal(store_held_bytes(), 1 * MIB);
	}
	assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 0);
	assert_false(os_is_mapped(base));
	/* The allowance went with it. */
	put(fresh(1 * MIB));
	assert_int_equal(store_held_bytes(), 0);
}

/* The front is asked for again and again: what is left behind it grows old all the same. */
static void a_rest_that_nobody_wants_goes(void **state)
{
	(void)state;
	teach(4 * MIB);
	struct large *front = take(1 * MIB);
	for (size_t i = 0; i + 1 < AGE_MAX; i++)
		assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 3 * MIB);
	assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 0);
	put(front);
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

/* What came back is wanted, and so is all that it is one with. */
static void what_merges_is_young_again(void **state)
{
	(void)state;
	teach(4 * MIB);
	struct large *front = take(1 * MIB);
	struct large *middle = take(1 * MIB);
	put(front);
	for (size_t i = 0; i < AGE_MAX - 10; i++)
		assert_false(finds(64 * MIB));
	put(middle);
	for (size_t i = 0; i < AGE_MAX; i++)
		assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 4 * MIB);
	assert_false(finds(64 * MIB));
	assert_int_equal(store_held_bytes(), 0);
}

static void what_is_wanted_stays(void **state)
{
	(void)state;
	teach(1 * MIB);
	for (size_t i = 0; i < 10 * AGE_MAX; i++)
		assert_true(i % 500 != 0 ? !finds(64 * MIB) : finds(1 * MIB));
	assert_int_equal(store_held_bytes(), 1 * MIB);
}

/* However much a program frees and asks for again: 32 MiB at most, with few large blocks live. */
static void what_is_kept_is_bounded(void **state)
{
	(void)state;
	struct random random = random_start(60);
	size_t most = 0;
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		size_t bytes = (1 + random_below(&random, 256)) * 64 * KIB;
		struct large *large = take_joined(bytes);
		if (large == NULL)
			large = fresh(bytes);
		check(large->mapping.bytes <= size_max(bytes + bytes / 8, bytes + 64 * KIB));
		put(large);
		check(store_held_bytes() <= ALLOWANCE_BYTES);
		most = size_max(most, store_held_bytes());
	}
	assert_true(most > ALLOWANCE_BYTES / 8);
	assert_true(store_drain());
	assert_int_equal(store_held_bytes(), 0);
	assert_false(store_drain());
}

/* With more live, as much as is live; when that becomes less, the excess goes at the next free. */
static void what_is_kept_follows_the_live_blocks(void **state)
{
	(void)state;
	store_count(0, 200 * MIB);
	struct large *last = fresh_apart(1 * MIB);
	allow(160 * MIB);
	for (size_t i = 0; i < 40; i++)
		put(fresh_apart(4 * MIB));
	assert_int_equal(store_held_bytes(), 160 * MIB);
	store_count(0, (size_t)0 - 100 * MIB);
	put(last);
	assert_in_range(store_held_bytes(), 96 * MIB, 100 * MIB);
	store_count(0, (size_t)0 - 100 * MIB);
	put(fresh(1 * MIB));
	assert_in_range(store_held_bytes(), 60 * MIB, 64 * MIB);
}

/* What was kept first goes first. */
static void the_oldest_of_the_excess_goes(void **state)
{
	(void)state;
	char *base[4];
	store_count(0, 128 * MIB);
	keep(4, 32 * MIB, base);
	store_count(0, (size_t)0 - 128 * MIB);
	put(fresh_apart(64 * KIB));
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(os_is_mapped(base[i]), i >= 2);
}

/* One that begins at such a multiple, even where a shorter one does not. */
static void an_aligned_request_takes_an_aligned_mapping(void **state)
{
	(void)state;
	allow(6 * MIB);
	struct large *odd = fresh_apart(1 * MIB);
	size_t alignment = (base_of(odd) - (char *)0) & (0 - (uintptr_t)base_of(odd));
	put(odd);
	assert_null(store_take(1 * MIB, 2 * alignment, STORE_WHOLE_ONLY));
	struct large *even = large_descriptor_alloc();
	assert_true(even != NULL && mapping_create(&even->mapping, 2 * MIB, 2 * alignment));
	even->address = even->mapping.base;
	store_count(1, 2 * MIB);
	put(even);
	struct large *taken = store_take(1 * MIB, 2 * alignment, STORE_WHOLE_ONLY);
	assert_ptr_equal(taken, even);
	assert_int_equal(taken->mapping.base % (2 * alignment), 0);
	/* The rest behind it is no longer so aligned, but long enough for others. */
	assert_ptr_equal(store_take(1 * MIB, alignment, STORE_WHOLE_ONLY), odd);
	assert_non_null(take(1 * MIB));
	store_check();
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
	store_count(1, 8 * MIB);
	put(whole);
	struct large *first = take(1 * MIB);
	struct large *aligned = store_take(1 * MIB, 4 * MIB, STORE_WHOLE_ONLY);
	assert_ptr_equal(base_of(first), base);
	assert_ptr_equal(base_of(aligned), base + 4 * MIB);
	assert_int_equal(aligned->mapping.bytes, 1 * MIB);
	assert_int_equal(store_held_bytes(), 6 * MIB);
	store_check();
	struct large *third = take(3 * MIB);
	struct large *fourth = take(3 * MIB);
	assert_int_equal(base_of(third) - base + (base_of(fourth) - base), 6 * MIB);
	put(aligned);
	put(third);
	put(first);
	put(fourth);
	store_check();
	assert_ptr_equal(base_of(take(8 * MIB)), base);
}

/* A request of twice what is kept; if it is joined the block goes, and as much is kept again. */
static bool join_one(size_t bytes)
{
	size_t held = store_held_bytes();
	struct large *large = take_joined(bytes);
	if (large == NULL) {
		check(store_held_bytes() == held);
		return false;
	}
	mapping_destroy(&large->mapping);
	store_count((size_t)-1, 0 - large->mapping.bytes);
	large_descriptor_free(large);
	put(fresh_apart(bytes / 2));
	return true;
}

/* Joined again and again, with nothing else done: bytes asked for until the store is not to join any more. */
static size_t joined_in_a_burst(size_t bytes)
{
	size_t sum = 0;
	while (sum < (size_t)8 * JOIN_BURST_BYTES && join_one(bytes))
		sum += bytes;
	return sum;
}

static void wait_us(uint64_t us)
{
	uint64_t start = os_clock_us();
	while (os_clock_us() - start < us)
		usleep(1000);
}

/* Faster than memory can be written it is not worth it: 256 MiB at once, from there 32 GiB/s. Nothing is written here. */
static void a_burst_is_joined_and_then_no_more(void **state)
{
	(void)state;
	enum { BYTES = 16 * MIB };
	/* valgrind hides the vDSO: time stands still there, and only the first burst is joined. */
	if (os_clock_us() == 0)
		skip();
	store_count(0, 64 * MIB);
	allow(16 * MIB);
	put(fresh_apart(BYTES / 2));
	uint64_t start = os_clock_us();
	size_t sum = joined_in_a_burst(BYTES);
	uint64_t took = os_clock_us() - start + 10000;
	assert_in_range(sum, JOIN_BURST_BYTES, JOIN_BURST_BYTES + took * JOIN_BYTES_PER_US);
	/* What is long enough as a whole is served all the same. */
	assert_true(finds(BYTES / 2));
	/* With time as much as that, and no more than the burst. */
	wait_us(3 * JOIN_BURST_BYTES / JOIN_BYTES_PER_US);
	start = os_clock_us();
	sum = joined_in_a_burst(BYTES);
	took = os_clock_us() - start + 10000;
	assert_in_range(sum, JOIN_BURST_BYTES - BYTES, JOIN_BURST_BYTES + took * JOIN_BYTES_PER_US);
	/* What was not used of it does not add up. */
	for (int i = 0; i < 3; i++) {
		wait_us(3 * JOIN_BURST_BYTES / JOIN_BYTES_PER_US);
		assert_true(join_one(BYTES));
	}
	start = os_clock_us();
	sum = joined_in_a_burst(BYTES);
	took = os_clock_us() - start + 10000;
	assert_true(sum <= JOIN_BURST_BYTES - BYTES + took * JOIN_BYTES_PER_US);
}

static void so_many_slots_and_no_more(void **state)
{
	(void)state;
	store_count(0, 64 * MIB);
	allow(64 * MIB);
	for (size_t i = 1; i < SLOTS + 20; i++) {
		put(fresh_apart(128 * KIB));
		assert_int_equal(store_held_bytes(), size_min(i, SLOTS - 1) * 128 * KIB);
	}
	for (size_t i = 1; i < SLOTS; i++)
		assert_non_null(take(128 * KIB));
	assert_null(take(4 * KIB));
}

/* With the last of its mappings drained the store begins anew. */
static void a_drained_store_keeps_nothing(void **state)
{
	(void)state;
	char *base[2];
	keep(2, 1 * MIB, base);
	assert_true(store_drain());
	assert_false(store_drain());
	store_check();
	assert_int_equal(store_held_bytes(), 0);
	assert_false(os_is_mapped(base[0]) || os_is_mapped(base[1]));
	put(fresh(2 * MIB));
	assert_int_equal(store_held_bytes(), 0);
}

static void expect_counts(size_t blocks, size_t bytes, size_t blocks_most, size_t bytes_most)
{
	struct store_counts counts = store_counts();
	assert_int_equal(counts.blocks, blocks);
	assert_int_equal(counts.bytes, bytes);
	assert_int_equal(counts.blocks_most, blocks_most);
	assert_int_equal(counts.bytes_most, bytes_most);
	assert_int_equal(store_live_blocks(), blocks);
}

/* By the bytes that the store gives, not by those that were asked for. */
static void live_blocks_are_counted(void **state)
{
	(void)state;
	expect_counts(0, 0, 0, 0);
	teach(2 * MIB);
	expect_counts(0, 0, 1, 2 * MIB);
	struct large *large = take(1900 * KIB);
	expect_counts(1, 2 * MIB, 1, 2 * MIB);
	struct large *other = fresh(3 * MIB);
	expect_counts(2, 5 * MIB, 2, 5 * MIB);
	assert_int_equal(mapping_resize(&other->mapping, 1 * MIB), OS_REMAPPED);
	store_count(0, (size_t)0 - 2 * MIB);
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
	live->large = store_take(bytes, 1, random_one_in(random, 5) ? STORE_WHOLE_ONLY : STORE_JOINED);
	if (live->large == NULL)
		live->large = fresh(bytes);
	check(live->large->mapping.bytes >= bytes);
	live_write(random, live);
}

static void step(struct random *random, struct live *live)
{
	if (live->large == NULL) {
		live_take(random, live);
		return;
	}
	live_check(live);
	store_put(live->large);
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
	check(bytes == store_counts().bytes);
}

static void give_all_back(struct live *live)
{
	for (size_t i = 0; i < LIVE; i++) {
		if (live[i].large == NULL)
			continue;
		live_check(&live[i]);
		store_put(live[i].large);
		live[i].large = NULL;
	}
}

/* What overlapped would be unmapped by the drain, and lost would be what is mapped in the end. */
static void nobody_else_has_a_live_block(void **state)
{
	(void)state;
	static struct live live[LIVE];
	struct random random = random_start(75);
	size_t pages = address_space_pages() - meta_mapped_bytes() / os_page_size();
	for (size_t i = 0; i < unit_rounds(6000); i++) {
		step(&random, &live[random_below(&random, LIVE)]);
		store_check();
		check(store_held_bytes() <= size_max(store_counts().bytes, ALLOWANCE_BYTES) + 10 * MIB);
		check_apart(live);
		if (random_one_in(&random, 400)) {
			store_drain();
			for (size_t n = 0; n < LIVE; n++)
				if (live[n].large != NULL)
					live_check(&live[n]);
		}
	}
	give_all_back(live);
	store_drain();
	store_check();
	assert_int_equal(store_counts().blocks + store_counts().bytes + store_held_bytes(), 0);
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
			store_drain();
		store_keeps((uintptr_t)&random - i);
		store_unmapped((uintptr_t)&random - i);
		store_counts();
	}
	give_all_back(live[index]);
}

static void threads_share_the_store(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	store_check();
	assert_true(store_held_bytes() <= ALLOWANCE_BYTES);
	store_drain();
	assert_int_equal(store_held_bytes() + store_live_blocks() + store_counts().bytes, 0);
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
