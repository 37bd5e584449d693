/*
 * depot.c - full magazines between threads: last in, first out; bounded by count and bytes; what is not needed goes.
 */
#include "unit.h"

#include "page/zone.h"
#include "slab/cache.h"

enum { REVIEW_OPERATIONS = 64 };

static unsigned c64(void) { return size_class_of(64); }

static struct magazine *filled(unsigned c, size_t count)
{
	struct magazine *magazine = magazine_create(c);
	check(magazine != NULL && magazine->count == 0 && magazine->bottom == NULL);
	while (magazine->count < count)
		magazine->count += cache_alloc(c, magazine->slot + magazine->count, count - magazine->count);
	return magazine;
}

static void empty(struct magazine *magazine, unsigned c)
{
	cache_free(c, magazine->slot, magazine->count, "free");
	magazine_destroy(magazine, c);
}

static void the_last_is_the_first_out(void **state)
{
	(void)state;
	struct magazine *magazines[5];
	assert_null(depot_pop(c64()));
	for (size_t i = 0; i < 5; i++) {
		magazines[i] = filled(c64(), 10 + i);
		assert_true(depot_push(c64(), magazines[i]));
		assert_int_equal(caches[c64()].depot.nfull, i + 1);
	}
	assert_int_equal(caches[c64()].depot.objects, 10 + 11 + 12 + 13 + 14);
	assert_int_equal(depot_bytes(), 60 * 64);
	assert_null(depot_pop(size_class_of(80)));
	for (size_t i = 5; i-- > 0;) {
		assert_ptr_equal(depot_pop(c64()), magazines[i]);
		assert_int_equal(magazines[i]->count, 10 + i);
		assert_int_equal(caches[c64()].depot.nfull, i);
		empty(magazines[i], c64());
	}
	assert_null(depot_pop(c64()));
	assert_int_equal(caches[c64()].depot.objects, 0);
	assert_int_equal(depot_bytes(), 0);
}

static void only_small_objects_have_a_depot(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		struct magazine *magazine = filled(c, 1);
		bool pushed = depot_push(c, magazine);
		assert_int_equal(pushed, size_classes[c].bytes <= 32768);
		if (!pushed)
			empty(magazine, c);
		assert_int_equal(caches[c].depot.nfull, pushed);
		depot_drain(c);
	}
	assert_int_equal(zone_used_pages(), 0);
}

/* All classes together: 1 MiB in a small heap, and not one magazine after that. */
static void all_depots_keep_so_many_bytes(void **state)
{
	(void)state;
	size_t refused = 0;
	for (unsigned c = 1; c < CLASS_COUNT && size_classes[c].bytes <= 4096; c++) {
		for (size_t i = 0; i < 8; i++) {
			size_t before = depot_bytes();
			struct magazine *magazine = filled(c, size_classes[c].magazine_slots);
			size_t most = size_max(zone_used_pages() * PAGE_BYTES / 16, 1 << 20);
			bool pushed = depot_push(c, magazine);
			check(pushed == (before < most));
			if (!pushed) {
				empty(magazine, c);
				refused++;
			}
		}
	}
	assert_true(refused > 0);
	assert_in_range(depot_bytes(), 1 << 20, (1 << 20) + (128 << 10));
	depot_drain_all();
	assert_int_equal(depot_bytes(), 0);
	assert_int_equal(zone_used_pages(), 0);
}

/* Until one is turned away: how many the depot has then. */
static size_t fill_up(unsigned c)
{
	struct magazine *magazine;
	while (depot_push(c, magazine = filled(c, size_classes[c].magazine_slots)))
		;
	empty(magazine, c);
	return caches[c].depot.nfull;
}

/* All that the depot has, and one that is missed. */
static void take_all_and_one(unsigned c)
{
	struct magazine *magazine;
	while ((magazine = depot_pop(c)) != NULL)
		empty(magazine, c);
}

/* As many exchanges as a review looks at; there are always magazines. */
static void review(unsigned c)
{
	for (size_t i = 0; i < REVIEW_OPERATIONS; i += 2)
		check(depot_push(c, depot_pop(c)));
}

/* What was turned away and missed later has room the next time; what nobody missed takes that room away again. */
static void depots_learn_what_they_should_have_kept(void **state)
{
	(void)state;
	unsigned c = size_class_of(4096);
	struct magazine *surplus;
	take_all_and_one(c);
	size_t room = fill_up(c);
	assert_in_range(room, 8, 10);
	for (size_t more = 1; more <= 5; more++) {
		take_all_and_one(c);
		/* For the one that was turned away, once. */
		assert_null(depot_pop(c));
		assert_int_equal(fill_up(c), room + more);
	}
	/* The first review finds that there were none at times. */
	review(c);
	assert_null(depot_pop_surplus(c));
	for (size_t left = 4; left > 0; left--) {
		review(c);
		surplus = depot_pop_surplus(c);
		assert_non_null(surplus);
		empty(surplus, c);
		assert_int_equal(fill_up(c), room + left);
	}
}

static void exchanges(size_t count)
{
	for (size_t i = 0; i < count; i += 2)
		check(depot_push(c64(), depot_pop(c64())));
}

/* Of five magazines four were not needed: one goes at each review. */
static void what_is_not_needed_goes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		assert_true(depot_push(c64(), filled(c64(), 5)));
	/* They came in this period, so in it there were none at times. */
	exchanges(REVIEW_OPERATIONS);
	assert_null(depot_pop_surplus(c64()));
	for (size_t left = 4; left >= 1; left--) {
		exchanges(REVIEW_OPERATIONS - 2);
		assert_null(depot_pop_surplus(c64()));
		exchanges(2);
		struct magazine *surplus = depot_pop_surplus(c64());
		assert_non_null(surplus);
		empty(surplus, c64());
		assert_int_equal(caches[c64()].depot.nfull, left);
	}
	/* The last one is in use all the time. */
	exchanges(4 * REVIEW_OPERATIONS);
	assert_null(depot_pop_surplus(c64()));
	assert_int_equal(caches[c64()].depot.nfull, 1);
	depot_drain_all();
}

static void what_is_needed_now_and_then_stays(void **state)
{
	(void)state;
	struct magazine *out[3];
	for (size_t i = 0; i < 3; i++)
		assert_true(depot_push(c64(), filled(c64(), 5)));
	for (int round = 0; round < 10; round++) {
		exchanges(REVIEW_OPERATIONS);
		for (size_t i = 0; i < 3; i++)
			out[i] = depot_pop(c64());
		for (size_t i = 0; i < 3; i++)
			assert_true(depot_push(c64(), out[i]));
		assert_null(depot_pop_surplus(c64()));
	}
	assert_int_equal(caches[c64()].depot.nfull, 3);
	depot_drain_all();
	assert_int_equal(caches[c64()].slabs, 0);
}

enum { THREADS = 4 };
static _Atomic size_t kept;

/* A magazine has one owner: its objects carry the mark of whom it belongs to now. */
static void churn(unsigned index)
{
	struct random random = random_start(30 + index);
	for (size_t i = 0; i < unit_rounds(5000); i++) {
		struct magazine *magazine = depot_pop(c64());
		if (magazine == NULL)
			magazine = filled(c64(), 1 + random_below(&random, 30));
		for (size_t at = 0; at < magazine->count; at++)
			content_write(magazine->slot[at], 64, index);
		struct magazine *surplus = depot_pop_surplus(c64());
		if (surplus != NULL)
			empty(surplus, c64());
		for (size_t at = 0; at < magazine->count; at++)
			check(content_is(magazine->slot[at], 64, index));
		if (random_one_in(&random, 4) || !depot_push(c64(), magazine))
			empty(magazine, c64());
		kept += depot_bytes() > 0;
	}
}

static void threads_exchange_whole_magazines(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	assert_true(kept > 0);
	size_t objects = 0;
	for (struct magazine *magazine = caches[c64()].depot.full; magazine != NULL; magazine = magazine->next)
		objects += magazine->count;
	assert_int_equal(caches[c64()].depot.objects, objects);
	assert_int_equal(depot_bytes(), objects * 64);
	assert_int_equal(caches[c64()].objects_out, objects);
	depot_drain_all();
	assert_int_equal(caches[c64()].objects_out, 0);
	assert_int_equal(depot_bytes(), 0);
	assert_int_equal(zone_used_pages(), 0);
}

UNIT_MAIN(UNIT(the_last_is_the_first_out), UNIT(only_small_objects_have_a_depot), UNIT(all_depots_keep_so_many_bytes),
	  UNIT(depots_learn_what_they_should_have_kept), UNIT(what_is_not_needed_goes),
	  UNIT(what_is_needed_now_and_then_stays), UNIT(threads_exchange_whole_magazines))
