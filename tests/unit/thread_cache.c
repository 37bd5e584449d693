/*
 * thread_cache.c - the magazines of a thread: objects against a list of what is held, limits, the budget, the end.
 */
#define _GNU_SOURCE
#include "magazine/bins.h"
#include "magazine/budget.h"
#include "magazine/depot.h"
#include "os/thread.h"
#include "page/page_alloc.h"
#include "unit.h"

#include "base/settings.h"
#include "page/zone.h"
#include "magazine/miss.h"
#include "slab/cache.h"
#include "magazine/thread_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const size_t kinds[] = {16, 64, 208, 1024, 5120, 20480, 65536, 131072};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), LIVE_MAX = 2000 };

enum { MIB = 1 << 20, HEAP_BYTES = 128 * MIB /* so large a heap does not bound what a thread may hold */ };

struct live {
	void *object[LIVE_MAX];
	size_t count;
};

static unsigned class_of_kind(size_t kind) { return size_class_of(kinds[kind]); }

/* What malloc and free do with a small object. */
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

static size_t objects_cached(unsigned c)
{
	size_t objects[CLASS_COUNT] = {0};
	thread_cache_count_objects(objects);
	return objects[c] + depots[c].objects;
}

static size_t room_of(size_t kind) { return size_min(LIVE_MAX, (4 << 20) / kinds[kind]); }

static void step(struct random *random, struct live *live, size_t kind)
{
	static _Thread_local unsigned steps;
	unsigned c = class_of_kind(kind);
	size_t burst = 1 + random_below(random, random_one_in(random, 10) ? 200 : 10);
	bool growing = random_below(random, 8) < (steps++ / 100 % 2 == 0 ? 6 : 2);
	while (growing && burst-- > 0 && live->count < room_of(kind)) {
		void *object = take(c);
		check(object != NULL && pagemap_class((uintptr_t)object) == c);
		content_write(object, kinds[kind], kind);
		live->object[live->count++] = object;
	}
	while (!growing && burst-- > 0 && live->count > 0) {
		size_t at = random_below(random, live->count);
		void *object = live->object[at];
		live->object[at] = live->object[--live->count];
		check(content_is(object, kinds[kind], kind));
		give(c, object);
	}
}

static struct live held[KINDS];

static void give_all_back(void)
{
	for (size_t kind = 0; kind < KINDS; kind++)
		while (held[kind].count > 0)
			give(class_of_kind(kind), held[kind].object[--held[kind].count]);
}

static void nothing_is_out(void)
{
	depot_drain_all();
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		check(caches[c].objects_out == 0 && caches[c].slabs == 0);
	check(zone_used_pages() == 0);
	check_everything();
}

static void own_cache(void) { check(thread_cache_get() != NULL); }

/* A heap of which so much is in use that it does not bound the budget. Nobody touches it. */
static struct page_run ballast;

static void ballast_take(size_t bytes)
{
	check(page_alloc(bytes / PAGE_BYTES, &ballast));
	ballast.dirty = 0;
}

static void ballast_drop(void) { page_free(&ballast); }

static ptrdiff_t balance(unsigned c) { return thread_cache_self->state[c].balance; }

static void objects_are_held_once(void **state)
{
	(void)state;
	struct random random = random_start(15);
	own_cache();
	for (size_t i = 0; i < unit_rounds(10000); i++) {
		size_t kind = random_below(&random, KINDS);
		step(&random, &held[kind], kind);
		thread_cache_check(thread_cache_self);
		check(caches[class_of_kind(kind)].objects_out == held[kind].count + objects_cached(class_of_kind(kind)));
		/* All of them are its own. */
		check(balance(class_of_kind(kind)) ==
		      (ptrdiff_t)(held[kind].count + bin_objects(thread_cache_self, class_of_kind(kind))));
	}
	give_all_back();
	thread_cache_flush();
	thread_cache_check(thread_cache_self);
	assert_int_equal(thread_cache_self->charged, 0);
	nothing_is_out();
}

/* What a thread's bins hold in fact. */
static size_t bytes_held(void)
{
	size_t bytes = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		bytes += bin_objects(thread_cache_self, c) * size_classes[c].bytes;
	return bytes;
}

/* Bins double, and the clock hand goes on where it stood: the charge may be half of what the thread may have. */
static bool is_near(size_t one, size_t other) { return one >= other / 2 && other >= one / 2; }

/* One class after the other is filled, in a heap of so many bytes: the most that the thread is charged for. */
static size_t fill_all_classes(size_t heap_bytes)
{
	static void *objects[300];
	size_t most = 0;
	ballast_take(heap_bytes);
	for (int round = 0; round < 3; round++) {
		for (unsigned c = 1; c < CLASS_COUNT; c++) {
			size_t count = size_min(300, 8 * MIB / size_classes[c].bytes);
			for (size_t i = 0; i < count; i++)
				objects[i] = take(c);
			for (size_t i = 0; i < count; i++) {
				give(c, objects[i]);
				most = size_max(most, thread_cache_self->charged);
				/* What stands in magazines is covered by the charge. */
				check(bytes_held() <= thread_cache_self->charged);
			}
			thread_cache_check(thread_cache_self);
		}
	}
	thread_cache_flush();
	ballast_drop();
	nothing_is_out();
	return most;
}

/* The clock hand takes the room from the classes before: in no heap is it more than in one that bounds nothing. */
static void the_budget_is_kept(void **state)
{
	(void)state;
	own_cache();
	size_t most = fill_all_classes(HEAP_BYTES);
	assert_true(most > 0 && most < HEAP_BYTES / 2);
	assert_true(is_near(fill_all_classes(2 * HEAP_BYTES), most));
}

static size_t room_in_loaded(unsigned c)
{
	struct magazine *loaded = bin_loaded(&thread_cache_self->state[c]);
	const struct bin *bin = &thread_cache_self->bin[c];
	return loaded == NULL ? 0 : bin_count_below(bin, loaded, bin->limit);
}

static void limits_start_small_and_double(void **state)
{
	(void)state;
	own_cache();
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		size_t limit = 0;
		for (size_t i = 0; i < 2000 && i * size_classes[c].bytes < 1 << 20; i++) {
			check(take(c) != NULL);
			size_t now = thread_cache_self->state[c].limit;
			if (now != limit) {
				size_t doubled = size_min(limit * 2, size_classes[c].magazine_slots);
				check(limit == 0 ? now <= size_classes[c].first_limit * 2u : now == doubled);
				limit = now;
			}
			check(limit <= size_classes[c].magazine_slots);
			check(room_in_loaded(c) == limit || limit == 0);
		}
		thread_cache_leave();
		own_cache();
	}
}

/* A magazine is full at its limit, not before and not after. */
static void a_magazine_holds_its_limit(void **state)
{
	(void)state;
	static void *objects[1000];
	unsigned c = size_class_of(64);
	for (size_t i = 0; i < 1000; i++)
		objects[i] = take(c);
	for (size_t i = 0; i < 1000; i++)
		give(c, objects[i]);
	struct bin *bin = bin_of(c);
	assert_int_equal(room_in_loaded(c), size_classes[c].magazine_slots);
	/* Two full magazines, and the one that was not: 125 slots of each are used. */
	assert_int_equal(thread_cache_self->state[c].previous->count, size_classes[c].magazine_slots);
	for (size_t i = 0; i < 1000; i++)
		objects[i] = take(c);
	while (bin_pop(bin) != NULL)
		;
	for (size_t i = 0; i < size_classes[c].magazine_slots; i++)
		assert_true(push_into(bin, objects[i]));
	assert_false(push_into(bin, objects[999]));
	thread_cache_check(thread_cache_self);
}

static void a_push_tells_bad_pointers(void **state)
{
	(void)state;
	unsigned c = size_class_of(48);
	char *object = take(c);
	void *other = take(c);
	struct bin *bin = bin_of(c);
	for (int offset = 1; offset < 48; offset++)
		assert_false(push_into(bin, object + offset));
	assert_true(push_into(bin, object));
	/* The newest object again. */
	assert_false(push_into(bin, object));
	assert_true(push_into(bin, other));
	/* Class 0 takes and gives nothing. */
	assert_null(bin_pop(bin_of(0)));
	assert_false(push_into(bin_of(0), object));
}

/* Another thread frees whole magazines, for the misses there were. Some objects stay live, so that no drain is due. */
static void *fill_depot(void *unused)
{
	static void *objects[800];
	unsigned c = size_class_of(4096);
	for (size_t i = 0; i < 800; i++)
		objects[i] = take(c);
	for (size_t i = 0; i < 400; i++)
		give(c, objects[2 * i]);
	return unused;
}

/*
 * A magazine from the depot may hold more than this thread's limit. Once it is empty the limit counts again: or the
 * bytes that a thread holds would not be bounded by its budget.
 */
static void a_full_magazine_of_another_does_not_raise_the_limit(void **state)
{
	(void)state;
	static void *objects[400];
	pthread_t other;
	unsigned c = size_class_of(4096);
	/* Misses while somebody had some to give: the depot takes that many in. */
	depot_wants(c, THREAD_CACHE_ENDED, DEPOT_OWN);
	for (int i = 0; i < 8; i++)
		assert_null(depot_pop(c, THREAD_CACHE_NONE));
	assert_int_equal(pthread_create(&other, NULL, fill_depot, NULL), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_true(depots[c].nfull > 0);
	objects[0] = take(c);
	size_t limit = thread_cache_self->state[c].limit;
	assert_true(bin_objects(thread_cache_self, c) > limit);
	size_t count = 1;
	while (depots[c].nfull > 0 || bin_objects(thread_cache_self, c) > 0)
		objects[count++] = take(c);
	objects[count++] = take(c);
	assert_int_equal(room_in_loaded(c), thread_cache_self->state[c].limit);
	while (count > 0) {
		give(c, objects[--count]);
		check(bin_objects(thread_cache_self, c) * 4096 <= thread_cache_self->state[c].charge);
	}
}

static void the_static_caches_are_empty_and_full(void **state)
{
	(void)state;
	void *object;
	assert_ptr_equal(thread_cache_self, THREAD_CACHE_NONE);
	assert_int_equal(thread_count(), 0);
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		assert_null(bin_pop(bin_of(c)));
		assert_false(push_into(bin_of(c), &object));
	}
	object = take(size_class_of(64));
	assert_ptr_not_equal(thread_cache_self, THREAD_CACHE_NONE);
	assert_int_equal(thread_count(), 1);
	/* After the end there is none any more, and all still works. */
	thread_cache_end();
	assert_ptr_equal(thread_cache_self, THREAD_CACHE_ENDED);
	assert_int_equal(thread_count(), 0);
	assert_null(thread_cache_get());
	void *second = take(size_class_of(64));
	assert_ptr_not_equal(second, object);
	give(size_class_of(64), object);
	give(size_class_of(64), second);
	assert_ptr_equal(thread_cache_self, THREAD_CACHE_ENDED);
	nothing_is_out();
}

static void who_leaves_may_come_again(void **state)
{
	(void)state;
	void *object = take(size_class_of(64));
	thread_cache_leave();
	assert_ptr_equal(thread_cache_self, THREAD_CACHE_NONE);
	assert_int_equal(thread_count(), 0);
	assert_int_equal(caches[size_class_of(64)].objects_out, 1);
	give(size_class_of(64), object);
	assert_int_equal(thread_count(), 1);
	thread_cache_leave();
	thread_cache_disabled = true;
	give(size_class_of(64), take(size_class_of(64)));
	assert_int_equal(thread_count(), 0);
	nothing_is_out();
}

static void a_fork_child_keeps_only_its_own(void **state)
{
	(void)state;
	give(size_class_of(64), take(size_class_of(64)));
	thread_cache_fork_child();
	assert_int_equal(thread_count(), 1);
	size_t objects[CLASS_COUNT] = {0};
	thread_cache_count_objects(objects);
	assert_int_equal(objects[size_class_of(64)], caches[size_class_of(64)].objects_out);
	thread_cache_end();
	thread_cache_fork_child();
	assert_int_equal(thread_count(), 0);
	nothing_is_out();
}

enum { THREADS = 4, EXCHANGE = 512 };
static void *_Atomic exchange[KINDS][EXCHANGE];

/* Some objects are freed by the thread that took them, others by whoever finds them. */
static void churn(unsigned index)
{
	static struct live live[THREADS][KINDS];
	struct random random = random_start(40 + index);
	for (size_t i = 0; i < unit_rounds(6000); i++) {
		size_t kind = random_below(&random, KINDS - 3);
		unsigned c = class_of_kind(kind);
		step(&random, &live[index][kind], kind);
		for (int n = 0; n < 20; n++) {
			void *mine = take(c);
			check(mine != NULL);
			content_write(mine, kinds[kind], kind);
			void *theirs = atomic_exchange(&exchange[kind][random_below(&random, EXCHANGE)], mine);
			check(theirs == NULL || content_is(theirs, kinds[kind], kind));
			if (theirs != NULL)
				give(c, theirs);
		}
		if (random_one_in(&random, 500))
			thread_cache_leave();
	}
	for (size_t kind = 0; kind < KINDS; kind++)
		while (live[index][kind].count > 0)
			give(class_of_kind(kind), live[index][kind].object[--live[index][kind].count]);
}

static void threads_free_what_others_took(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	/* Their caches went with them. */
	assert_int_equal(thread_count(), 0);
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < EXCHANGE; i++)
			if (exchange[kind][i] != NULL)
				give(class_of_kind(kind), exchange[kind][i]);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

static _Atomic bool over;

static void count_or_churn(unsigned index)
{
	if (index > 0) {
		churn(index);
		atomic_store(&over, true);
		return;
	}
	while (!atomic_load(&over))
		for (size_t kind = 0; kind < KINDS - 3; kind++)
			check(objects_cached(class_of_kind(kind)) < 1 << 20);
}

/* Statistics may be asked for while the others go on. */
static void threads_can_be_counted_meanwhile(void **state)
{
	(void)state;
	unit_threads(3, count_or_churn);
}

/* The rest of the program as these tests see it: threads that are idle, and what others are charged for. */
enum { MANY = 100 };
static pthread_barrier_t all_there;
static void (*the_busy_one)(void);

static void idle_or_busy(unsigned index)
{
	own_cache();
	pthread_barrier_wait(&all_there);
	/* A thread that came while the key was being made has no cache yet: it gets one now. */
	own_cache();
	if (index == 0)
		the_busy_one();
	pthread_barrier_wait(&all_there);
}

static void among_threads(unsigned count, void (*body)(void))
{
	size_t others = thread_count();
	the_busy_one = body;
	pthread_barrier_init(&all_there, NULL, count);
	unit_threads(count, idle_or_busy);
	assert_int_equal(thread_count(), others);
}

/* The others are charged for so much; this thread is not charged for anything now. */
static void charge_others(size_t bytes)
{
	static struct thread_cache others;
	check(thread_cache_self->charged == 0);
	others.charged = bytes;
	budget_charge_only(&others);
}

/* The others are charged for more than any pool holds. */
static void use_up_the_pool(void) { charge_others((size_t)1 << 40); }

/* Uses one class after the other: the most that this thread was charged for. */
static size_t most_charged(void)
{
	void *objects[64];
	size_t most = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		for (int i = 0; i < 64; i++)
			objects[i] = take(c);
		for (int i = 0; i < 64; i++)
			give(c, objects[i]);
		thread_cache_check(thread_cache_self);
		most = size_max(most, thread_cache_self->charged);
	}
	return most;
}

/* The same, and all of it is given back. Since bins double, this is up to a half less than the thread may have. */
static size_t measure(void)
{
	size_t most = most_charged();
	thread_cache_flush();
	check(thread_cache_self->charged == 0);
	return most;
}

static size_t measure_beside(size_t others_bytes)
{
	charge_others(others_bytes);
	return measure();
}

/* The pool: the least that others are charged for when this thread has no more than its share. */
static size_t find_pool(size_t share)
{
	size_t low = 0;
	size_t high = (size_t)1 << 32;
	while (high - low > MIB / 8) {
		size_t middle = low + (high - low) / 2;
		if (measure_beside(middle) > 2 * share)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* One thread may have all that is left of the pool, again and again, up to its budget; and its share in any case. */
static void use_what_is_left(void)
{
	size_t budget = measure_beside(0);
	use_up_the_pool();
	size_t share = measure();
	assert_true(share > 0 && budget > 4 * share);
	size_t pool = find_pool(share);
	assert_true(pool > budget && pool < (size_t)1 << 32);
	for (size_t left = 2 * share + MIB / 2; left < 2 * pool; left += MIB / 2) {
		for (int round = 0; round < 3; round++) {
			size_t most = measure_beside(left < pool ? pool - left : 0);
			check(most <= left);
			check(most <= budget || is_near(most, budget));
			check(most >= size_min(left - MIB / 8, budget) / 2);
		}
	}
}

static void threads_have_what_is_left_of_the_pool(void **state)
{
	(void)state;
	ballast_take(HEAP_BYTES);
	among_threads(MANY, use_what_is_left);
}

/* The most that a thread is charged for in a heap of so many bytes, which is never more than half of it or `least`. */
static size_t follow_the_heap(size_t heap_bytes, size_t least)
{
	void *objects[64];
	size_t most = 0, most_used = 0;
	ballast_take(heap_bytes);
	for (unsigned c = 1; size_classes[c].bytes <= 8192; c++) {
		for (int i = 0; i < 64; i++)
			objects[i] = take(c);
		most_used = size_max(most_used, zone_used_pages() * PAGE_BYTES);
		for (int i = 0; i < 64; i++)
			give(c, objects[i]);
		most = size_max(most, thread_cache_self->charged);
		check(most <= size_max(most_used / 2, least));
	}
	thread_cache_flush();
	depot_drain_all();
	ballast_drop();
	return most;
}

/* In the smallest heap there is a least budget; the larger the heap, the more, but not without a bound. */
static void follow_all_heaps(void)
{
	size_t least = follow_the_heap(PAGE_BYTES, SIZE_MAX);
	size_t before = 0, most = least;
	for (size_t heap_bytes = PAGE_BYTES; heap_bytes <= 4 * (size_t)HEAP_BYTES; heap_bytes *= 4) {
		before = most;
		/* Since bins double, what was measured is a little less than what it may be. */
		most = follow_the_heap(heap_bytes, 2 * least);
		check(most > before || is_near(most, before));
	}
	check(most > least && !is_near(most, least) && is_near(most, before));
}

static void threads_have_a_part_of_the_heap(void **state)
{
	(void)state;
	/* So that no drain closes the bins. */
	settings.trim_threshold = (size_t)1 << 40;
	own_cache();
	follow_all_heaps();
	use_up_the_pool();
	follow_all_heaps();
	nothing_is_out();
}

static size_t measured;

static void measure_the_share(void)
{
	use_up_the_pool();
	measured = measure();
}

/* The more threads, the less for each; in all never much more than one alone may have; and some for each. */
static void threads_have_a_share_beyond_the_pool(void **state)
{
	(void)state;
	size_t alone = 0, before = 0;
	ballast_take(HEAP_BYTES);
	for (unsigned threads = 1; threads <= 128; threads *= 2) {
		among_threads(threads, measure_the_share);
		assert_true(measured > 0);
		if (threads == 1)
			alone = measured;
		else
			assert_true(measured <= before || is_near(measured, before));
		assert_true(threads * measured <= 8 * alone);
		before = measured;
	}
	assert_true(before < alone);
}

static void measure_the_budget(void) { measured = measure(); }

/* In the child what other threads were charged for is free; what this one is charged for comes back when it is. */
static void threads_of_a_fork_child_have_the_pool(void **state)
{
	(void)state;
	ballast_take(HEAP_BYTES);
	among_threads(MANY, measure_the_budget);
	size_t budget = measured;
	own_cache();
	use_up_the_pool();
	among_threads(MANY - 1, measure_the_budget);
	assert_true(measured < budget / 2);
	most_charged();
	thread_cache_fork_child();
	thread_cache_flush();
	among_threads(MANY - 1, measure_the_budget);
	assert_true(is_near(measured, budget));
	/* The child of a thread that has no cache any more. */
	use_up_the_pool();
	thread_cache_end();
	thread_cache_fork_child();
	among_threads(MANY, measure_the_budget);
	assert_true(is_near(measured, budget));
}

static _Atomic size_t all_charged;

static void use_many_classes(unsigned index)
{
	(void)index;
	own_cache();
	pthread_barrier_wait(&all_there);
	most_charged();
	pthread_barrier_wait(&all_there);
	atomic_fetch_add(&all_charged, thread_cache_self->charged);
	pthread_barrier_wait(&all_there);
}

static size_t budget_bytes, share_bytes, pool_bytes;

static void measure_the_pool(void)
{
	budget_bytes = measure_beside(0);
	use_up_the_pool();
	share_bytes = measure();
	pool_bytes = find_pool(share_bytes);
	charge_others(0);
}

/* All together: the pool, and beyond it a share each. What several take of the last bytes at once comes on top. */
static void threads_share_the_pool(void **state)
{
	(void)state;
	enum { BUSY = 32, STEP_BYTES = 128 << 10 }; /* what a thread may take beyond the pool */
	ballast_take(HEAP_BYTES);
	among_threads(BUSY, measure_the_pool);
	pthread_barrier_init(&all_there, NULL, BUSY);
	unit_threads(BUSY, use_many_classes);
	assert_in_range(all_charged, budget_bytes / 4, pool_bytes + BUSY * (2 * share_bytes + STEP_BYTES));
	assert_true(all_charged < BUSY * budget_bytes);
	assert_int_equal(thread_count(), 0);
	depot_drain_all();
	check_all_objects_free();
	/* The last of them has given everything back. */
	among_threads(BUSY, measure_the_budget);
	assert_true(is_near(measured, budget_bytes));
}

/* Two threads: the objects of one are freed by the other, which is not to go on in their cache lines. */
enum { THEIRS = 1024 };
static void *theirs[THEIRS];

static void thread_of_others(void (*body)(void), unsigned c)
{
	for (size_t i = 0; i < THEIRS; i++)
		check((theirs[i] = take(c)) != NULL);
	among_threads(2, body);
}

static size_t objects_out(unsigned c) { return caches[c].objects_out; }

static void free_shyly(void)
{
	unsigned c = size_class_of(16);
	size_t out = objects_out(c);
	size_t shy = 0;
	for (;; shy++) {
		give(c, theirs[shy]);
		if (bin_loaded(&thread_cache_self->state[c]) != NULL)
			break;
		check(objects_out(c) == --out && balance(c) == -(ptrdiff_t)shy - 1);
		check(shy < THEIRS / 2);
	}
	/* A thread that goes on freeing gets a magazine. */
	check(shy > 0);
	check(objects_out(c) == out && bin_objects(thread_cache_self, c) == 1);
	check(balance(c) == -(ptrdiff_t)shy);
}

static void threads_that_free_first_are_shy(void **state)
{
	(void)state;
	thread_of_others(free_shyly, size_class_of(16));
}

static void free_at_once(void)
{
	unsigned c = size_class_of(64);
	give(c, theirs[0]);
	check(bin_objects(thread_cache_self, c) == 1 && balance(c) == 0);
	/* A thread that has allocated objects of the class keeps what it frees. */
	c = size_class_of(80);
	void *mine = take(c);
	void *other = take(c);
	bin_close(thread_cache_self, c);
	check(balance(c) == 2);
	give(c, other);
	check(bin_objects(thread_cache_self, c) == 1);
	give(c, mine);
}

static void threads_are_not_shy_without_need(void **state)
{
	(void)state;
	unsigned c = size_class_of(16);
	/* Alone. */
	void *object = take(c);
	thread_cache_flush();
	thread_cache_self->state[c].balance = 0;
	give(c, object);
	assert_int_equal(bin_objects(thread_cache_self, c), 1);
	/* No cache line is shared by objects of 64 bytes. */
	thread_of_others(free_at_once, size_class_of(64));
}

/* The magazine holds groups of four objects, each from the start of a cache line on, and nothing else. */
static void check_own_lines(unsigned c)
{
	const struct magazine *loaded = bin_loaded(&thread_cache_self->state[c]);
	size_t count = bin_objects(thread_cache_self, c);
	check(count % 4 == 0 && count > 0 && loaded != NULL);
	for (size_t i = 0; i < count; i++) {
		const char *object = loaded->slot[i];
		check(object != NULL && pagemap_class((uintptr_t)object) == c);
		check(i % 4 == 3 ? (uintptr_t)object % CACHE_LINE_BYTES == 0
				 : object == (const char *)loaded->slot[i + 1] + size_classes[c].bytes);
	}
}

/* A miss that leaves its object where it was, to be looked at. */
static void refill_and_look(unsigned c)
{
	void *object = take(c);
	give(c, object);
	check_own_lines(c);
}

static void allocate_first(void) { refill_and_look(size_class_of(16)); }

static void threads_begin_with_lines_of_their_own(void **state)
{
	(void)state;
	unsigned c = size_class_of(16);
	for (size_t i = 0; i < THEIRS; i++)
		theirs[i] = take(c);
	/* Of each group of four one object stays in use. */
	for (size_t i = 0; i < THEIRS; i++)
		if ((uintptr_t)theirs[i] / 16 % 4 != 1)
			give(c, theirs[i]);
	thread_cache_flush();
	depot_drain_all();
	among_threads(2, allocate_first);
}

/* Its limit has grown to a number that is no multiple of four: it asks for lines as one that is new to the class. */
static void free_all_and_allocate(void)
{
	unsigned c = size_class_of(16);
	for (size_t i = 0; i < THEIRS; i++)
		give(c, theirs[i]);
	check(thread_cache_self->state[c].limit == size_classes[c].magazine_slots);
	check(size_classes[c].magazine_slots % 4 != 0);
	static void *objects[THEIRS];
	size_t count = 0;
	while (bin_objects(thread_cache_self, c) > 0)
		objects[count++] = take(c);
	check(balance(c) == (ptrdiff_t)count - THEIRS && balance(c) < -THEIRS / 2);
	depot_drain_all();
	/* A thread that frees for others does not ask for whole lines. */
	objects[count++] = take(c);
	check(bin_objects(thread_cache_self, c) == size_classes[c].magazine_slots - 1u);
	while (bin_objects(thread_cache_self, c) > 0)
		objects[count++] = take(c);
	thread_cache_self->state[c].balance = 0;
	refill_and_look(c);
	for (size_t i = 0; i < count; i++)
		give(c, objects[i]);
}

static void threads_ask_for_any_number_by_lines(void **state)
{
	(void)state;
	thread_of_others(free_all_and_allocate, size_class_of(16));
	thread_cache_flush();
	nothing_is_out();
}

/* A class of which a magazine is so large that the depot takes it in for a credit only: the largest of all. */
static unsigned large(void)
{
	unsigned found = 1;
	for (unsigned c = 1; size_classes[c].objects > 1; c++)
		if (size_classes[c].magazine_slots * (size_t)size_classes[c].bytes >
		    size_classes[found].magazine_slots * (size_t)size_classes[found].bytes)
			found = c;
	return found;
}

enum { MISSES = 16 };

/* Another thread misses while this one has magazines to give: the depot takes in one for each miss. */
static void free_for_another(void)
{
	unsigned c = large();
	for (size_t i = 0; i < THEIRS / 2; i++)
		give(c, theirs[i]);
	check(depots[c].nfull == 0);
	for (size_t i = 0; i < MISSES; i++)
		check(depot_pop(c, THREAD_CACHE_NONE) == NULL);
	for (size_t i = THEIRS / 2; i < THEIRS; i++)
		give(c, theirs[i]);
	check(depots[c].nfull == MISSES);
	check(balance(c) == (ptrdiff_t)bin_objects(thread_cache_self, c) - THEIRS);
}

static void threads_give_others_objects_to_the_depot(void **state)
{
	(void)state;
	unsigned c = large();
	settings.trim_threshold = (size_t)1 << 40;
	ballast_take(HEAP_BYTES);
	thread_of_others(free_for_another, c);
	/* What comes from there counts as allocated. */
	thread_cache_flush();
	ptrdiff_t before = balance(c);
	void *object = take(c);
	assert_int_equal(depots[c].nfull, MISSES - 1);
	assert_int_equal(balance(c), before + 1 + (ptrdiff_t)bin_objects(thread_cache_self, c));
	give(c, object);
}

/* The same of its own: a few, for any number of misses. */
static void threads_give_a_few_of_their_own(void **state)
{
	(void)state;
	unsigned c = large();
	settings.trim_threshold = (size_t)1 << 40;
	ballast_take(HEAP_BYTES);
	for (size_t i = 0; i < THEIRS; i++)
		theirs[i] = take(c);
	depot_wants(c, THREAD_CACHE_ENDED, DEPOT_OWN);
	for (size_t i = 0; i < MISSES; i++)
		assert_null(depot_pop(c, THREAD_CACHE_NONE));
	/* Some stay, so that it never gives more than it took. */
	for (size_t i = 0; i < THEIRS - 100; i++)
		give(c, theirs[i]);
	assert_in_range(depots[c].nfull, 1, MISSES - 1);
}

/* Something that is always in use: the clock hand finds its top moved whenever it comes by. */
static void use(unsigned c)
{
	static void *objects[200];
	static size_t count;
	const struct bin *bin = &thread_cache_self->bin[c];
	do {
		if (count < 100)
			objects[count++] = take(c);
		else
			while (count > 90)
				give(c, objects[--count]);
	} while (bin->top == thread_cache_self->state[c].seen);
}

/* Others that need more than the budget, some of them live: so that no drain closes all bins. */
static void press(unsigned used)
{
	static void *objects[16];
	static const size_t sizes[] = {512, 640, 768, 1024, 1536, 2048, 3072, 4096};
	for (size_t kind = 0; kind < 8; kind++) {
		unsigned c = size_class_of(sizes[kind]);
		for (int i = 0; i < 16; i++) {
			use(used);
			objects[i] = take(c);
		}
		for (int i = 0; i < 16; i++) {
			use(used);
			give(c, objects[i]);
		}
	}
}

static void spare_used_bins(void)
{
	unsigned used = size_class_of(64);
	unsigned idle = size_class_of(80);
	settings.trim_threshold = (size_t)1 << 40;
	use_up_the_pool();
	size_t share = measure();
	use(used);
	give(idle, take(idle));
	check(thread_cache_self->state[idle].charge > 0);
	for (int round = 0; round < 50; round++) {
		press(used);
		check(thread_cache_self->state[used].charge > 0);
		check(thread_cache_self->charged <= 2 * share);
	}
	check(thread_cache_self->state[idle].charge == 0);
}

/* A bin without misses does not say that it is used: the clock hand sees that its top has moved. */
static void threads_keep_the_bins_that_they_use(void **state)
{
	(void)state;
	among_threads(MANY, spare_used_bins);
}

static void mark_all_used(void)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		thread_cache_self->state[c].recent = true;
}

static size_t open_bins(void)
{
	size_t count = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		count += thread_cache_self->state[c].charge > 0;
	return count;
}

/* One bin after the other is opened, until there is no room for one more beside them. */
static void want_more_than_there_is(void)
{
	unsigned c = size_class_of(4096);
	size_t count = 0;
	use_up_the_pool();
	for (unsigned each = 1; open_bins() == count && each < c; each++) {
		mark_all_used();
		give(each, take(each));
		count++;
	}
	count = open_bins();
	check(thread_cache_self->state[c].charge == 0);
	for (int i = 0; i < 5; i++) {
		mark_all_used();
		unsigned hand = thread_cache_self->hand;
		void *object = take(c);
		check(object != NULL && open_bins() == count && thread_cache_self->state[c].charge == 0);
		/* The clock hand looked at some bins, but not at all of them. */
		check(thread_cache_self->hand != hand);
		check((thread_cache_self->hand + CLASS_COUNT - 1 - hand) % (CLASS_COUNT - 1) < CLASS_COUNT / 2);
		mark_all_used();
		give(c, object);
		check(open_bins() == count);
	}
	/* Bins that were not used since the clock hand came by are closed when it comes again. */
	for (int i = 0; thread_cache_self->state[c].charge == 0; i++) {
		check(i < CLASS_COUNT);
		give(c, take(c));
	}
}

/* Where all bins are in use the hand soon gives up: a class without room does without a magazine. */
static void threads_whose_bins_are_all_used_do_without(void **state)
{
	(void)state;
	among_threads(MANY, want_more_than_there_is);
}

UNIT_MAIN(UNIT(objects_are_held_once), UNIT(the_budget_is_kept), UNIT(limits_start_small_and_double),
	  UNIT(a_magazine_holds_its_limit), UNIT(a_push_tells_bad_pointers),
	  UNIT(a_full_magazine_of_another_does_not_raise_the_limit), UNIT(the_static_caches_are_empty_and_full),
	  UNIT(who_leaves_may_come_again), UNIT(a_fork_child_keeps_only_its_own), UNIT(threads_free_what_others_took),
	  UNIT(threads_can_be_counted_meanwhile),
	  UNIT(threads_have_a_part_of_the_heap), UNIT(threads_that_free_first_are_shy),
	  UNIT(threads_are_not_shy_without_need), UNIT(threads_begin_with_lines_of_their_own),
	  UNIT(threads_ask_for_any_number_by_lines), UNIT(threads_give_others_objects_to_the_depot),
	  UNIT(threads_give_a_few_of_their_own),
	  UNIT(threads_have_what_is_left_of_the_pool), UNIT(threads_have_a_share_beyond_the_pool),
	  UNIT(threads_of_a_fork_child_have_the_pool), UNIT(threads_share_the_pool),
	  UNIT(threads_keep_the_bins_that_they_use), UNIT(threads_whose_bins_are_all_used_do_without))
