/*
 * depot.c - full magazines between threads: last in, first out; for credits, and some of a thread's own; bounded by
 * bytes; what is not needed goes.
 */
#include "unit.h"

#include "base/bits.h"
#include "page/zone.h"
#include "slab/cache.h"

enum {
	REVIEW_OPERATIONS = 64,
	CREDITS_MAX = 128,
	OWN_MAX = 8,
	OWN_MAX_BYTES = 64 << 10,
	TOTAL_FLOOR_BYTES = 8 << 20,
	MIB = 1 << 20,
};

/* The depot only compares threads: any addresses will do. */
static char threads[4];
static const struct thread_cache *thread(unsigned index)
{
	return (const struct thread_cache *)(void *)&threads[index];
}

static unsigned c64(void) { return size_class_of(64); }

/* One magazine of these is more than 64 KiB. */
static unsigned c4096(void) { return size_class_of(4096); }

static struct magazine *pop(unsigned c) { return depot_pop(c, thread(0)); }

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
	assert_null(pop(c64()));
	for (size_t i = 0; i < 5; i++) {
		magazines[i] = filled(c64(), 10 + i);
		depot_push(c64(), magazines[i]);
		assert_int_equal(caches[c64()].depot.nfull, i + 1);
	}
	assert_int_equal(caches[c64()].depot.objects, 10 + 11 + 12 + 13 + 14);
	assert_int_equal(depot_bytes(), 60 * 64);
	assert_null(pop(size_class_of(80)));
	for (size_t i = 5; i-- > 0;) {
		assert_ptr_equal(pop(c64()), magazines[i]);
		assert_int_equal(magazines[i]->count, 10 + i);
		assert_int_equal(caches[c64()].depot.nfull, i);
		empty(magazines[i], c64());
	}
	assert_null(pop(c64()));
	assert_int_equal(caches[c64()].depot.objects, 0);
	assert_int_equal(depot_bytes(), 0);
}

static bool wants_others(unsigned c, unsigned index) { return depot_wants(c, thread(index), DEPOT_OF_OTHERS); }

static bool wants_own(unsigned c, unsigned index) { return depot_wants(c, thread(index), DEPOT_OWN); }

/* Misses of thread 0 while thread 1 has one to give: as many credits. The depot is empty. */
static void earn(unsigned c, size_t count)
{
	wants_others(c, 1);
	while (count-- > 0)
		check(pop(c) == NULL);
}

static void only_small_objects_have_a_depot(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		earn(c, 1);
		assert_int_equal(wants_others(c, 1), size_classes[c].bytes <= 32768);
	}
	assert_int_equal(zone_used_pages(), 0);
}

/* A thread that misses what it itself would give, or what nobody would, could go to the slabs as well. */
static void a_miss_counts_if_another_has_one_to_give(void **state)
{
	(void)state;
	assert_null(pop(c4096()));
	assert_false(wants_others(c4096(), 0));
	assert_null(pop(c4096()));
	assert_false(wants_others(c4096(), 0));
	assert_null(depot_pop(c4096(), thread(1)));
	assert_true(wants_others(c4096(), 0));
	assert_true(wants_own(c4096(), 0));
	/* The last one who had one counts: thread 1 now. */
	assert_true(wants_others(c4096(), 1));
	depot_push(c4096(), filled(c4096(), 5));
	assert_false(wants_others(c4096(), 1));
	empty(depot_pop(c4096(), thread(1)), c4096());
	/* What it found was of use, whoever gave it. */
	assert_true(wants_others(c4096(), 1));
	assert_null(depot_pop(c4096(), thread(1)));
	depot_push(c4096(), filled(c4096(), 5));
	assert_false(wants_others(c4096(), 1));
	/* Each class has its own. */
	earn(size_class_of(3840), 1);
	assert_false(wants_others(c4096(), 1));
	depot_drain_all();
}

static void a_credit_is_for_one_magazine(void **state)
{
	(void)state;
	unsigned c = c4096();
	static const size_t misses[] = {1, 7, CREDITS_MAX - 1, CREDITS_MAX, 2 * CREDITS_MAX};
	for (size_t i = 0; i < sizeof(misses) / sizeof(misses[0]); i++) {
		size_t pushed = 0;
		earn(c, misses[i]);
		for (; wants_others(c, 1); pushed++)
			depot_push(c, filled(c, 1));
		assert_int_equal(pushed, size_min(misses[i], CREDITS_MAX));
		/* Not asked, as by two threads at once: there is no credit less than none. */
		depot_push(c, filled(c, 1));
		assert_false(wants_others(c, 1));
		assert_int_equal(caches[c].depot.nfull, pushed + 1);
		depot_drain(c);
	}
}

static void of_a_threads_own_a_few_stand_there(void **state)
{
	(void)state;
	size_t own = 0;
	earn(c4096(), CREDITS_MAX);
	for (; wants_own(c4096(), 1); own++)
		depot_push(c4096(), filled(c4096(), 5));
	assert_int_equal(own, OWN_MAX);
	/* Those of others come in all the same. */
	for (size_t i = OWN_MAX; i < CREDITS_MAX; i++) {
		assert_true(wants_others(c4096(), 1));
		assert_false(wants_own(c4096(), 1));
		depot_push(c4096(), filled(c4096(), 5));
	}
	while (caches[c4096()].depot.nfull > OWN_MAX - 1) {
		assert_false(wants_own(c4096(), 1));
		empty(pop(c4096()), c4096());
	}
	assert_true(wants_own(c4096(), 1));
	depot_drain_all();
}

/* As many as 64 KiB hold, and no more than 8, need no credit: they stay in the CPU's caches. */
static void a_few_small_ones_need_no_credit(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		size_t magazine_bytes = (size_t)size_classes[c].magazine_slots * size_classes[c].bytes;
		size_t count = size_classes[c].objects > 1 ? size_min(OWN_MAX_BYTES / magazine_bytes, OWN_MAX) : 0;
		size_t own = 0;
		for (; wants_own(c, 1); own++)
			depot_push(c, filled(c, 1));
		assert_int_equal(own, count);
		assert_false(wants_others(c, 1));
		depot_drain(c);
	}
	assert_int_equal(zone_used_pages(), 0);
}

/* Pushes while there is room and a credit. */
static void fill_up(unsigned c)
{
	earn(c, CREDITS_MAX);
	while (wants_others(c, 1))
		depot_push(c, filled(c, size_classes[c].magazine_slots));
}

/* All classes together: 8 MiB in a small heap, and not one magazine after that. */
static void all_depots_keep_so_many_bytes(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT && size_classes[c].bytes <= 4096; c++) {
		earn(c, 8);
		for (size_t i = 0; i < 8; i++) {
			bool wanted = wants_others(c, 1);
			check(wanted == (depot_bytes() < TOTAL_FLOOR_BYTES));
			if (wanted)
				depot_push(c, filled(c, size_classes[c].magazine_slots));
		}
	}
	assert_in_range(depot_bytes(), TOTAL_FLOOR_BYTES, TOTAL_FLOOR_BYTES + (128 << 10));
	depot_drain_all();
	assert_int_equal(depot_bytes(), 0);
	assert_int_equal(zone_used_pages(), 0);
}

/* When the heap becomes smaller, or depots are beyond the bound: one goes each time, with no review. */
static void depots_keep_an_eighth_of_the_heap(void **state)
{
	(void)state;
	unsigned c = size_class_of(4096);
	struct page_run run;
	struct magazine *surplus;
	assert_true(page_alloc(96 * MIB / PAGE_BYTES, &run));
	fill_up(c);
	size_t most = zone_used_pages() * PAGE_BYTES / 8;
	assert_in_range(depot_bytes(), most, most + (128 << 10));
	assert_in_range(most, 13 * MIB, 14 * MIB);
	/* The last one that came in is beyond it. */
	surplus = depot_pop_surplus(c);
	assert_non_null(surplus);
	empty(surplus, c);
	run.dirty = 0;
	page_free(&run);
	for (size_t before = depot_bytes(); before >= TOTAL_FLOOR_BYTES; before = depot_bytes()) {
		surplus = depot_pop_surplus(c);
		assert_non_null(surplus);
		assert_int_equal(depot_bytes(), before - surplus->count * 4096);
		empty(surplus, c);
		/* A class that has none gives none. */
		assert_null(depot_pop_surplus(c64()));
	}
	assert_in_range(depot_bytes(), TOTAL_FLOOR_BYTES - (128 << 10), TOTAL_FLOOR_BYTES - 1);
	depot_drain_all();
	assert_int_equal(zone_used_pages(), 0);
}

static void one_class_is_drained_or_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		depot_push(c64(), filled(c64(), 5));
		depot_push(size_class_of(80), filled(size_class_of(80), 5));
	}
	depot_drain(c64());
	assert_int_equal(caches[c64()].objects_out + caches[c64()].depot.objects + caches[c64()].depot.nfull, 0);
	assert_int_equal(caches[size_class_of(80)].depot.nfull, 3);
	assert_int_equal(depot_bytes(), 15 * 80);
	depot_drain_all();
	assert_int_equal(depot_bytes(), 0);
	assert_null(pop(size_class_of(80)));
	assert_int_equal(zone_used_pages(), 0);
}

static void exchanges(size_t count)
{
	for (size_t i = 0; i < count; i += 2)
		depot_push(c64(), pop(c64()));
}

/* Of five magazines four were not needed: one goes at each review. */
static void what_is_not_needed_goes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		depot_push(c64(), filled(c64(), 5));
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
		depot_push(c64(), filled(c64(), 5));
	for (int round = 0; round < 10; round++) {
		exchanges(REVIEW_OPERATIONS);
		for (size_t i = 0; i < 3; i++)
			out[i] = pop(c64());
		for (size_t i = 0; i < 3; i++)
			depot_push(c64(), out[i]);
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
		struct magazine *magazine = depot_pop(c64(), thread(index));
		if (magazine == NULL)
			magazine = filled(c64(), 1 + random_below(&random, 30));
		for (size_t at = 0; at < magazine->count; at++)
			content_write(magazine->slot[at], 64, index);
		struct magazine *surplus = depot_pop_surplus(c64());
		if (surplus != NULL)
			empty(surplus, c64());
		for (size_t at = 0; at < magazine->count; at++)
			check(content_is(magazine->slot[at], 64, index));
		enum depot_origin origin = random_one_in(&random, 2) ? DEPOT_OWN : DEPOT_OF_OTHERS;
		if (random_one_in(&random, 4) || !depot_wants(c64(), thread(index), origin))
			empty(magazine, c64());
		else
			depot_push(c64(), magazine);
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

UNIT_MAIN(UNIT(the_last_is_the_first_out), UNIT(only_small_objects_have_a_depot),
	  UNIT(a_miss_counts_if_another_has_one_to_give), UNIT(a_credit_is_for_one_magazine),
	  UNIT(of_a_threads_own_a_few_stand_there),
	  UNIT(a_few_small_ones_need_no_credit), UNIT(all_depots_keep_so_many_bytes),
	  UNIT(depots_keep_an_eighth_of_the_heap), UNIT(one_class_is_drained_or_all), UNIT(what_is_not_needed_goes),
	  UNIT(what_is_needed_now_and_then_stays), UNIT(threads_exchange_whole_magazines))
