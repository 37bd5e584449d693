/*
 * depot.c - full magazines between threads: last in, first out; for credits, and some of a thread's own; bounded by
 * bytes; what is not needed goes.
 */
#include "magazine/depot.h"
#include "page/page_alloc.h"
#include "slab/cache_alloc.h"
#include "unit.h"

#include "base/bits.h"
#include "page/zone.h"
#include "slab/cache.h"

enum {
	MIB = 1 << 20,
	MANY = 4096, /* more than a depot takes in, however often it is asked */
};

/* The depot only compares threads: any addresses will do. */
static char threads[4];
static const struct thread_cache *thread(unsigned index)
{
	return (const struct thread_cache *)(void *)&threads[index];
}

static unsigned c64(void) { return size_class_of(64); }

/* A class of which a magazine is so large that it comes in for a credit only: the first one. */
static unsigned large(void)
{
	static unsigned found;
	if (found != 0)
		return found;
	do {
		check(size_classes[found + 1].objects > 1);
		found++;
	} while (depot_wants(found, thread(0), DEPOT_OWN));
	for (unsigned c = 1; c <= found; c++)
		depots[c].giver = NULL;
	return found;
}

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
		assert_int_equal(depots[c64()].nfull, i + 1);
	}
	assert_int_equal(depots[c64()].objects, 10 + 11 + 12 + 13 + 14);
	assert_int_equal(depot_bytes(), 60 * 64);
	assert_null(pop(size_class_of(80)));
	for (size_t i = 5; i-- > 0;) {
		assert_ptr_equal(pop(c64()), magazines[i]);
		assert_int_equal(magazines[i]->count, 10 + i);
		assert_int_equal(depots[c64()].nfull, i);
		empty(magazines[i], c64());
	}
	assert_null(pop(c64()));
	assert_int_equal(depots[c64()].objects, 0);
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

/* An object with a slab of its own costs the slabs no more than a depot would. */
static void only_small_objects_have_a_depot(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		earn(c, 1);
		assert_int_equal(wants_others(c, 1), size_classes[c].objects > 1);
	}
	assert_int_equal(zone_used_pages(), 0);
}

/* A miss earns no credit where nobody has a magazine to give, or only the missing thread itself. */
static void a_miss_counts_if_another_has_one_to_give(void **state)
{
	(void)state;
	assert_null(pop(large()));
	assert_false(wants_others(large(), 0));
	assert_null(pop(large()));
	assert_false(wants_others(large(), 0));
	assert_null(depot_pop(large(), thread(1)));
	assert_true(wants_others(large(), 0));
	assert_true(wants_own(large(), 0));
	/* The last one who had one counts: thread 1 now. */
	assert_true(wants_others(large(), 1));
	depot_push(large(), filled(large(), 5));
	assert_false(wants_others(large(), 1));
	empty(depot_pop(large(), thread(1)), large());
	/* A pop that finds a magazine earns a credit, whoever gave the magazine. */
	assert_true(wants_others(large(), 1));
	assert_null(depot_pop(large(), thread(1)));
	depot_push(large(), filled(large(), 5));
	assert_false(wants_others(large(), 1));
	/* Each class has its own. */
	earn(large() + 1, 1);
	assert_false(wants_others(large(), 1));
	depot_drain_all();
}

/* Pushes magazines of one object while others' are wanted: how many. */
static size_t push_others(unsigned c)
{
	size_t pushed = 0;
	for (; pushed < MANY && wants_others(c, 1); pushed++)
		depot_push(c, filled(c, 1));
	return pushed;
}

/* The same of its own. */
static size_t push_own(unsigned c)
{
	size_t pushed = 0;
	for (; pushed < MANY && wants_own(c, 1); pushed++)
		depot_push(c, filled(c, 1));
	return pushed;
}

static void a_credit_is_for_one_magazine(void **state)
{
	(void)state;
	unsigned c = large();
	for (size_t misses = 1; misses <= 8; misses++) {
		earn(c, misses);
		size_t pushed = push_others(c);
		assert_int_equal(pushed, misses);
		/* Not asked, as by two threads at once: there is no credit less than none. */
		depot_push(c, filled(c, 1));
		assert_false(wants_others(c, 1));
		assert_int_equal(depots[c].nfull, pushed + 1);
		depot_drain(c);
	}
}

/* However often threads miss, the credits have a bound. */
static void credits_are_bounded(void **state)
{
	(void)state;
	earn(large(), MANY);
	size_t most = push_others(large());
	assert_in_range(most, 2, MANY - 1);
	depot_drain(large());
	earn(large(), 2 * MANY);
	assert_int_equal(push_others(large()), most);
	depot_drain(large());
	earn(large(), most - 1);
	assert_int_equal(push_others(large()), most - 1);
	depot_drain_all();
}

static void of_a_threads_own_a_few_stand_there(void **state)
{
	(void)state;
	earn(large(), MANY);
	size_t own = push_own(large());
	assert_in_range(own, 1, MANY - 1);
	/* Those of others come in all the same. */
	size_t others = push_others(large());
	assert_true(others > 0);
	assert_int_equal(depots[large()].nfull, own + others);
	while (depots[large()].nfull >= own) {
		assert_false(wants_own(large(), 1));
		empty(pop(large()), large());
	}
	assert_true(wants_own(large(), 1));
	depot_drain_all();
}

static size_t magazine_bytes_of(unsigned c) { return (size_t)size_classes[c].magazine_slots * size_classes[c].bytes; }

/* So few bytes that they stay in the CPU's caches: the longer the magazines, the fewer of them, down to none. */
static void a_few_small_ones_need_no_credit(void **state)
{
	(void)state;
	size_t own[CLASS_COUNT] = {0};
	unsigned c = 1;
	for (; size_classes[c].objects > 1; c++) {
		own[c] = push_own(c);
		assert_false(wants_others(c, 1));
		for (unsigned other = 1; other < c; other++)
			if (magazine_bytes_of(c) >= magazine_bytes_of(other))
				assert_true(own[c] <= own[other]);
			else
				assert_true(own[c] >= own[other]);
		depot_drain(c);
	}
	assert_in_range(own[1], 1, MANY - 1);
	assert_int_equal(own[large()], 0);
	for (; c < CLASS_COUNT; c++)
		assert_int_equal(push_own(c), 0);
	assert_int_equal(zone_used_pages(), 0);
}

/* Pushes full magazines while there are credits and room. */
static void fill_up(unsigned c)
{
	earn(c, MANY);
	while (wants_others(c, 1))
		depot_push(c, filled(c, size_classes[c].magazine_slots));
}

/* Fills many depots, so that their common bound is what ends it. Returns the bytes in all depots. */
static size_t fill_all(void)
{
	for (unsigned c = large(); size_classes[c].objects > 1; c++)
		fill_up(c);
	return depot_bytes();
}

/* Takes a magazine that is surplus from any of them. */
static struct magazine *surplus_of_any(unsigned *c)
{
	for (*c = large(); size_classes[*c].objects > 1; ++*c) {
		struct magazine *surplus = depot_pop_surplus(*c);
		if (surplus != NULL)
			return surplus;
	}
	return NULL;
}

/* A full magazine of any class that has a depot is no longer than this. */
static size_t magazine_bytes_most(void)
{
	size_t most = 0;
	for (unsigned c = 1; size_classes[c].objects > 1; c++)
		most = size_max(most, magazine_bytes_of(c));
	return most;
}

/* One bound for all classes together: where the first ones have used it up, no other gets a magazine in. */
static void all_depots_share_a_bound(void **state)
{
	(void)state;
	size_t bound = fill_all();
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		check(!wants_others(c, 1) && !wants_own(c, 1));
	depot_drain_all();
	assert_int_equal(depot_bytes(), 0);
	for (unsigned c = CLASS_COUNT - 1; c > 0; c--)
		fill_up(c);
	assert_in_range(depot_bytes(), bound - magazine_bytes_most(), bound + magazine_bytes_most());
	depot_drain_all();
	assert_int_equal(zone_used_pages(), 0);
}

/* Depots keep a small part of the heap. When the heap becomes smaller, one magazine goes at each call. */
static void depots_keep_a_part_of_the_heap(void **state)
{
	(void)state;
	unsigned c;
	struct page_run run;
	struct magazine *surplus;
	size_t small = fill_all();
	depot_drain_all();
	assert_true(page_alloc(128 * MIB / PAGE_BYTES, &run));
	size_t most = fill_all();
	assert_true(most > small + MIB);
	assert_true(most < zone_used_pages() * PAGE_BYTES / 2);
	run.dirty = 0;
	page_free(&run);
	size_t before = depot_bytes();
	while ((surplus = surplus_of_any(&c)) != NULL) {
		assert_int_equal(depot_bytes(), before - surplus->count * size_classes[c].bytes);
		empty(surplus, c);
		before = depot_bytes();
		/* A class that has none gives none. */
		assert_null(depot_pop_surplus(c64()));
	}
	assert_in_range(before, small - magazine_bytes_most(), small);
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
	assert_int_equal(caches[c64()].objects_out + depots[c64()].objects + depots[c64()].nfull, 0);
	assert_int_equal(depots[size_class_of(80)].nfull, 3);
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

/* Exchanges until a magazine is surplus: how many; 0 where none ever is. */
static size_t exchanges_until_surplus(void)
{
	for (size_t count = 2; count <= MANY; count += 2) {
		exchanges(2);
		struct magazine *surplus = depot_pop_surplus(c64());
		if (surplus == NULL)
			continue;
		empty(surplus, c64());
		return count;
	}
	return 0;
}

/* Of five magazines four are not needed: they go one by one, each after a time in which it was not needed. */
static void what_is_not_needed_goes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 5; i++)
		depot_push(c64(), filled(c64(), 5));
	for (size_t left = 4; left >= 1; left--) {
		/* One exchange says nothing. */
		assert_true(exchanges_until_surplus() > 2);
		assert_int_equal(depots[c64()].nfull, left);
	}
	/* The last one is in use all the time. */
	assert_int_equal(exchanges_until_surplus(), 0);
	assert_int_equal(depots[c64()].nfull, 1);
	depot_drain_all();
}

/* Three are out at once between many exchanges of one: none of them goes. */
static void what_is_needed_now_and_then_stays(void **state)
{
	(void)state;
	struct magazine *out[3];
	for (size_t i = 0; i < 3; i++)
		depot_push(c64(), filled(c64(), 5));
	for (int round = 0; round < 10; round++) {
		exchanges(MANY);
		for (size_t i = 0; i < 3; i++)
			out[i] = pop(c64());
		for (size_t i = 0; i < 3; i++)
			depot_push(c64(), out[i]);
		assert_null(depot_pop_surplus(c64()));
	}
	assert_int_equal(depots[c64()].nfull, 3);
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
	for (struct magazine *magazine = depots[c64()].full; magazine != NULL; magazine = magazine->next)
		objects += magazine->count;
	assert_int_equal(depots[c64()].objects, objects);
	assert_int_equal(depot_bytes(), objects * 64);
	assert_int_equal(caches[c64()].objects_out, objects);
	depot_drain_all();
	assert_int_equal(caches[c64()].objects_out, 0);
	assert_int_equal(depot_bytes(), 0);
	assert_int_equal(zone_used_pages(), 0);
}

UNIT_MAIN(UNIT(the_last_is_the_first_out), UNIT(only_small_objects_have_a_depot),
	  UNIT(a_miss_counts_if_another_has_one_to_give), UNIT(a_credit_is_for_one_magazine), UNIT(credits_are_bounded),
	  UNIT(of_a_threads_own_a_few_stand_there),
	  UNIT(a_few_small_ones_need_no_credit), UNIT(all_depots_share_a_bound),
	  UNIT(depots_keep_a_part_of_the_heap), UNIT(one_class_is_drained_or_all), UNIT(what_is_not_needed_goes),
	  UNIT(what_is_needed_now_and_then_stays), UNIT(threads_exchange_whole_magazines))
