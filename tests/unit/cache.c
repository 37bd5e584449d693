/*
 * cache.c - the slabs of a class behind cache_alloc and cache_free: contents, counts, whole lines, empty slabs, purging,
 * double frees.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"
#include "unit.h"

#include "page/purge.h"
#include "page/zone.h"
#include "slab/cache.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const size_t kinds[] = {16, 48, 512, 5120, 20480, 106496};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), LIVE_MAX = 16000, BATCH_MAX = 200 };

struct live {
	void *object[LIVE_MAX];
	size_t count;
};

static struct live live[KINDS];

static unsigned class_of_kind(size_t kind) { return size_class_of(kinds[kind]); }

/* How many live objects of a kind there may be: 8 MiB of them, or 3000. */
static size_t room_of(size_t kind) { return size_min(3000, (8 << 20) / kinds[kind]); }

static void add(size_t kind, void *object)
{
	check((uintptr_t)object % CLASS_GRAIN_BYTES == 0 && pagemap_class((uintptr_t)object) == class_of_kind(kind));
	content_write(object, kinds[kind], kind);
	check(live[kind].count < LIVE_MAX);
	live[kind].object[live[kind].count++] = object;
}

static void *draw(size_t kind, size_t at)
{
	struct live *all = &live[kind];
	void *object = all->object[at];
	all->object[at] = all->object[--all->count];
	check(content_is(object, kinds[kind], kind));
	return object;
}

static void take_batch(struct random *random, size_t kind)
{
	void *objects[BATCH_MAX];
	size_t count = 1 + random_below(random, size_min(BATCH_MAX, room_of(kind) - live[kind].count));
	size_t got = cache_alloc(class_of_kind(kind), objects, count);
	check(got >= 1 && got <= count);
	for (size_t i = 0; i < got; i++)
		add(kind, objects[i]);
}

static void take_one(size_t kind)
{
	bool zeroed;
	void *object = cache_alloc_one(class_of_kind(kind), &zeroed);
	check(object != NULL);
	if (zeroed)
		check(content_is_zero(object, kinds[kind]));
	add(kind, object);
}

static void take_existing(size_t kind)
{
	uint32_t slabs = caches[class_of_kind(kind)].slabs;
	bool full = slabs * size_classes[class_of_kind(kind)].objects == live[kind].count;
	void *object = cache_alloc_part(class_of_kind(kind), CACHE_EXISTING, PAGES_GROW, &(bool){false});
	check((object == NULL) == full);
	check(caches[class_of_kind(kind)].slabs == slabs);
	if (object != NULL)
		add(kind, object);
}

static void put_batch(struct random *random, size_t kind)
{
	void *objects[BATCH_MAX];
	size_t count = size_min(live[kind].count, 1 + random_below(random, BATCH_MAX));
	for (size_t i = 0; i < count; i++)
		objects[i] = draw(kind, random_below(random, live[kind].count));
	reclaim_free(class_of_kind(kind), objects, count, "free");
}

static void step(struct random *random, size_t kind)
{
	static unsigned steps;
	bool growing = random_below(random, 8) < (steps++ / 200 % 2 == 0 ? 6 : 2);
	if (!growing || live[kind].count == room_of(kind))
		put_batch(random, kind);
	else if (random_one_in(random, 4))
		take_one(kind);
	else if (random_one_in(random, 8))
		take_existing(kind);
	else
		take_batch(random, kind);
}

static void counts_agree(size_t kind)
{
	unsigned c = class_of_kind(kind);
	cache_check(c);
	check(caches[c].objects_out == live[kind].count);
	check(caches[c].slabs * size_classes[c].objects >= live[kind].count);
}

static void free_everything(struct random *random)
{
	for (size_t kind = 0; kind < KINDS; kind++)
		while (live[kind].count > 0)
			put_batch(random, kind);
}

/* Empty slabs go back at once: with no object out there is no slab, and no page in use. */
static void nothing_is_left(void)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		check(caches[c].slabs == 0 && caches[c].objects_out == 0 && list_is_empty(&caches[c].purgeable));
	check(cache_idle_pages() == 0);
	check(zone_used_pages() == 0);
	check_everything();
}

static void objects_keep_their_contents(void **state)
{
	(void)state;
	struct random random = random_start(12);
	for (size_t i = 0; i < unit_rounds(6000); i++) {
		size_t kind = random_below(&random, KINDS);
		step(&random, kind);
		counts_agree(kind);
		check(cache_idle_pages() == listed_idle_pages());
		if (random_one_in(&random, 20))
			cache_purge(class_of_kind(kind), random_below(&random, 60));
	}
	free_everything(&random);
	nothing_is_left();
}

/* Slabs of which nearly all is free, but no slab is empty. */
static size_t sparse(size_t kind, size_t slabs)
{
	unsigned c = class_of_kind(kind);
	size_t per_slab = size_classes[c].objects;
	while (caches[c].slabs < slabs || live[kind].count % per_slab != 0)
		take_one(kind);
	size_t before = cache_idle_pages();
	for (size_t at = live[kind].count; at-- > 0;) {
		void *object = live[kind].object[at];
		uintptr_t in_slab = (uintptr_t)object & (((size_t)PAGE_BYTES << size_classes[c].order) - 1);
		if (in_slab / kinds[kind] != per_slab / 2) {
			object = draw(kind, at);
			reclaim_free(c, &object, 1, "free");
		}
		counts_agree(kind);
	}
	return cache_idle_pages() - before;
}

static void idle_pages_are_purged_by_the_frees_themselves(void **state)
{
	(void)state;
	sparse(2, 40); /* 512 bytes: in each slab all pages are idle but one */
	assert_int_equal(live[2].count, 40);
	assert_true(cache_idle_pages() + zone_dirty_pages() <= idle_limit());
	assert_true(cache_idle_pages() == listed_idle_pages());
	for (size_t i = 0; i < live[2].count; i++)
		assert_true(content_is(live[2].object[i], kinds[2], 2));
}

/* The pages of sparse slabs that are under no object. */
static size_t pages_beside(size_t kind)
{
	size_t pages = 0;
	for (size_t i = 0; i < live[kind].count; i++) {
		uintptr_t first = (uintptr_t)live[kind].object[i];
		pages += size_classes[class_of_kind(kind)].pages - 1;
		pages -= ((first + kinds[kind] - 1) >> PAGE_SHIFT) - (first >> PAGE_SHIFT);
	}
	return pages;
}

static void purging_keeps_what_lives(void **state)
{
	(void)state;
	keep_dirty_pages();
	sparse(2, 4);
	sparse(1, 15);
	size_t idle = cache_idle_pages();
	assert_int_equal(idle, pages_beside(1) + pages_beside(2));
	size_t keep = idle - pages_beside(2) / 2;
	size_t purged = cache_purge(class_of_kind(2), keep);
	/* A slab is purged as a whole. */
	assert_in_range(purged, idle - keep, idle - keep + size_classes[class_of_kind(2)].pages);
	assert_int_equal(cache_idle_pages(), idle - purged);
	cache_purge(class_of_kind(2), 0);
	cache_purge(class_of_kind(1), 0);
	assert_int_equal(cache_idle_pages(), 0);
	assert_int_equal(listed_idle_pages(), 0);
	for (size_t kind = 1; kind <= 2; kind++) {
		counts_agree(kind);
		for (size_t i = 0; i < live[kind].count; i++)
			assert_true(content_is(live[kind].object[i], kinds[kind], kind));
	}
}

/* The frames of purged pages are gone. Objects on them read as zeros, and cache_alloc_one says so. */
static void purged_pages_are_known_as_zeros(void **state)
{
	(void)state;
	unsigned c = class_of_kind(2);
	size_t pages = size_classes[c].pages;
	keep_dirty_pages();
	sparse(2, 8);
	cache_purge(c, 0);
	uintptr_t head = (uintptr_t)live[2].object[0] & ~(uintptr_t)((PAGE_BYTES << size_classes[c].order) - 1);
	size_t resident = 0;
	for (size_t i = 0; i < pages; i++)
		resident += page_is_resident((void *)(head + (i << PAGE_SHIFT)));
	assert_int_equal(resident, 1);
	size_t zeros = 0;
	for (int i = 0; i < 8 * (size_classes[c].objects - 1); i++) {
		bool zeroed;
		void *object = cache_alloc_one(c, &zeroed);
		assert_true(!zeroed || content_is_zero(object, kinds[2]));
		zeros += zeroed;
		memset(object, 1, kinds[2]);
	}
	/* One object of each purged page, as the first one makes its page dirty. The survivor's page was not purged. */
	assert_int_equal(zeros, 8 * (pages - 1));
	assert_int_equal(caches[c].slabs, 8);
}

static void the_fullest_slab_is_used_first(void **state)
{
	(void)state;
	unsigned c = size_class_of(1024);
	size_t count = size_classes[c].objects;
	uintptr_t slab_mask = ~(uintptr_t)((PAGE_BYTES << size_classes[c].order) - 1);
	void *first[SLAB_MAX_OBJECTS], *second[SLAB_MAX_OBJECTS];
	assert_int_equal(cache_alloc(c, first, count), count);
	assert_int_equal(cache_alloc(c, second, count), count);
	reclaim_free(c, first, count / 4 * 3, "free");
	reclaim_free(c, second, count / 8, "free");
	for (size_t i = 0; i < count / 8; i++) {
		void *object;
		assert_int_equal(cache_alloc(c, &object, 1), 1);
		assert_int_equal((uintptr_t)object & slab_mask, (uintptr_t)second[0] & slab_mask);
	}
	cache_check(c);
	assert_int_equal(caches[c].slabs, 2);
}

enum { LINES_MAX = SLAB_MAX_OBJECTS };

/* The objects stand in groups of four, and each group begins a cache line: so nobody else's object shares a line. */
static void check_lines(unsigned c, void *const *objects, size_t count)
{
	size_t bytes = size_classes[c].bytes;
	check(count % 4 == 0);
	for (size_t i = 0; i < count; i++) {
		check(objects[i] != NULL && pagemap_class((uintptr_t)objects[i]) == c);
		/* The lowest stands last. */
		if (i % 4 == 3)
			check((uintptr_t)objects[i] % CACHE_LINE_BYTES == 0);
		else
			check((char *)objects[i] == (char *)objects[i + 1] + bytes);
	}
}

/* Whole groups of four are taken, or up to three single objects. The array is filled from its front, not beyond. */
static void any_number_of_objects_is_taken_by_lines(void **state)
{
	(void)state;
	void *objects[LINES_MAX + 1];
	for (unsigned c = 1; size_classes[c].objects >= 4; c++) {
		for (size_t count = 0; count <= size_min(130, size_classes[c].objects); count++) {
			for (size_t i = 0; i <= LINES_MAX; i++)
				objects[i] = &objects[i];
			size_t got = cache_alloc_lines(c, objects, count);
			/* One call takes from one slab only. */
			check(got == (count < 4 ? count : count / 4 * 4));
			if (count >= 4)
				check_lines(c, objects, got);
			for (size_t i = count; i <= LINES_MAX; i++)
				check(objects[i] == &objects[i]);
			check(caches[c].objects_out == got && caches[c].slabs == (got > 0));
			cache_check(c);
			reclaim_free(c, objects, got, "free");
		}
	}
	nothing_is_left();
}

/* Of each group of four one object is in use: the slab has free objects, but no whole group. */
static void broken_lines_are_left_alone(void **state)
{
	(void)state;
	unsigned c = size_class_of(16);
	size_t per_slab = size_classes[c].objects;
	void *objects[LINES_MAX], *lines[20];
	assert_int_equal(cache_alloc(c, objects, per_slab), per_slab);
	for (size_t i = 0; i < per_slab; i++)
		if (i % 4 != i / 4 % 4)
			reclaim_free(c, &objects[i], 1, "free");
	assert_int_equal(caches[c].slabs, 1);
	assert_int_equal(cache_alloc_lines(c, lines, 18), 16);
	check_lines(c, lines, 16);
	assert_int_equal(caches[c].slabs, 2);
	for (size_t i = 0; i < 16; i++)
		assert_true(slab_of((uintptr_t)lines[i], c) != slab_of((uintptr_t)objects[0], c));
	/* After a free there is a whole group again. The slab with the most free objects is asked first. */
	reclaim_free(c, lines, 16, "free");
	assert_int_equal(caches[c].slabs, 1);
	reclaim_free(c, &objects[0], 1, "free");
	assert_int_equal(cache_alloc_lines(c, lines, 18), 4);
	assert_int_equal(caches[c].slabs, 1);
	check_lines(c, lines, 4);
	cache_check(c);
}

static void all_that_is_idle_can_be_reclaimed(void **state)
{
	(void)state;
	sparse(2, 8);
	sparse(0, 30);
	assert_true(reclaim_all());
	assert_int_equal(cache_idle_pages() + zone_dirty_pages(), 0);
	/* The second call succeeds too: idle pages were given back before. */
	assert_true(reclaim_all());
	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t i = 0; i < live[kind].count; i++)
			assert_true(content_is(live[kind].object[i], kinds[kind], kind));
	struct random random = random_start(14);
	free_everything(&random);
	nothing_is_left();
	assert_false(reclaim_all());
}

struct twice {
	void *object;
	const char *function;
};

static void free_twice(void *argument)
{
	struct twice *twice = argument;
	reclaim_free(class_of_kind(1), &twice->object, 1, twice->function);
	reclaim_free(class_of_kind(1), &twice->object, 1, twice->function);
	report_noted();
}

/* Of four objects the second stands in front of the last, too. The first fault is reported; the last object stays out. */
static void free_twice_in_a_batch(void *argument)
{
	void **o = argument;
	unsigned c = class_of_kind(1);
	size_t out = cache_objects_out(c);
	reclaim_free(c, (void *[]){o[0], o[1], o[2], o[1], o[3]}, 5, "realloc");
	check(cache_objects_out(c) == out - 3);
	reclaim_free(c, o, 1, "not reported");
	cache_check(c);
	caches_check_sums();
	report_noted();
}

static void double_frees_are_reported(void **state)
{
	(void)state;
	char line[100];
	void *objects[2];
	assert_int_equal(cache_alloc(class_of_kind(1), objects, 2), 2);
	struct twice twice = {objects[0], "realloc"};
	snprintf(line, sizeof(line), "libmalloc: double free: 0x%lx (realloc)", (unsigned long)objects[0]);
	unit_expect_abort(free_twice, &twice, line);
	void *batch[4] = {NULL, objects[0]};
	assert_int_equal(cache_alloc(class_of_kind(1), batch, 1) + cache_alloc(class_of_kind(1), batch + 2, 2), 3);
	unit_expect_abort(free_twice_in_a_batch, batch, line);
	reclaim_free(class_of_kind(1), batch, 1, "free");
	reclaim_free(class_of_kind(1), batch + 2, 2, "free");
	/* The same where the first free gave the slab back. */
	reclaim_free(class_of_kind(1), &objects[1], 1, "free");
	unit_expect_abort(free_twice, &twice, line);
}

enum { THREADS = 4, EXCHANGE = 64 };

/* Objects of one class that any thread may take over. */
static void *_Atomic exchange[EXCHANGE];
static _Atomic bool over;

static void exchange_with(struct random *random, size_t kind)
{
	unsigned c = class_of_kind(kind);
	void *mine;
	bool zeroed;
	if (random_one_in(random, 3)) {
		mine = cache_alloc_one(c, &zeroed);
		check(mine != NULL && (!zeroed || content_is_zero(mine, kinds[kind])));
	} else {
		check(cache_alloc(c, &mine, 1) == 1);
	}
	content_write(mine, kinds[kind], kind);
	/* Release and acquire: who takes the object over sees its content. */
	void *theirs = atomic_exchange(&exchange[random_below(random, EXCHANGE / KINDS) * KINDS + kind], mine);
	if (theirs == NULL)
		return;
	check(content_is(theirs, kinds[kind], kind));
	reclaim_free(c, &theirs, 1, "free");
}

static void churn(unsigned index)
{
	struct random random = random_start(20 + index);
	if (index == 0) {
		while (!atomic_load(&over)) {
			lock_acquire(&purge_lock, RANK_PURGE);
			cache_purge(class_of_kind(random_below(&random, KINDS)), random_below(&random, 30));
			lock_release(&purge_lock, RANK_PURGE);
			cache_check(class_of_kind(random_below(&random, KINDS)));
			purge_free_pages(0);
		}
		return;
	}
	for (size_t i = 0; i < unit_rounds(8000); i++)
		exchange_with(&random, random_below(&random, KINDS));
	atomic_store(&over, true);
}

static void threads_share_slabs_with_a_purger(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	for (size_t i = 0; i < EXCHANGE; i++) {
		void *object = exchange[i];
		if (object != NULL)
			reclaim_free(class_of_kind(i % KINDS), &object, 1, "free");
	}
	check_all_objects_free();
}

/* Lines belong to a thread as a whole: what it writes all over them stays, whatever others write into theirs. */
static void take_lines_and_objects(unsigned index)
{
	struct random random = random_start(50 + index);
	unsigned c = class_of_kind(1);
	void *objects[BATCH_MAX];
	for (size_t i = 0; i < unit_rounds(3000); i++) {
		bool by_lines = random_one_in(&random, 2);
		size_t count = 4 + random_below(&random, 100);
		size_t got = by_lines ? cache_alloc_lines(c, objects, count) : cache_alloc(c, objects, count);
		check(got > 0 && got <= count);
		if (by_lines)
			check_lines(c, objects, got);
		for (size_t at = 0; at < got; at++)
			content_write(objects[at], kinds[1], index);
		for (size_t at = 0; at < got; at++)
			check(content_is(objects[at], kinds[1], index));
		/* Some in the middle go first, so that there are broken lines. */
		size_t first = random_below(&random, got);
		reclaim_free(c, objects + first, got - first, "free");
		reclaim_free(c, objects, first, "free");
	}
}

static void threads_take_lines_for_themselves(void **state)
{
	(void)state;
	unit_threads(THREADS, take_lines_and_objects);
	check_all_objects_free();
}

static _Atomic size_t arrived;

/* Both go on at the same moment, as nearly as can be. */
static void meet(size_t meeting)
{
	atomic_fetch_add(&arrived, 1);
	for (size_t spins = 0; atomic_load(&arrived) < 2 * meeting; spins++)
		if (spins > 10000)
			sched_yield();
}

static void take_and_put_at_once(unsigned index)
{
	unsigned c = class_of_kind(4);
	void *object;
	for (size_t i = 0; i < unit_rounds(3000); i++) {
		meet(3 * i + 1);
		check(cache_alloc(c, &object, 1) == 1);
		meet(3 * i + 2);
		reclaim_free(c, &object, 1, "free");
		meet(3 * i + 3);
		/* One thread looks, before the two meet again. */
		check(index != 0 || caches[c].slabs == 0);
	}
}

/* Two threads that need a slab at once may make two; when all is free again, both are gone. */
static void threads_leave_no_slab_behind(void **state)
{
	(void)state;
	unit_threads(2, take_and_put_at_once);
	nothing_is_left();
}

UNIT_MAIN(UNIT(objects_keep_their_contents), UNIT(idle_pages_are_purged_by_the_frees_themselves),
	  UNIT(purging_keeps_what_lives), UNIT(purged_pages_are_known_as_zeros), UNIT(the_fullest_slab_is_used_first),
	  UNIT(any_number_of_objects_is_taken_by_lines), UNIT(broken_lines_are_left_alone),
	  UNIT(all_that_is_idle_can_be_reclaimed), UNIT(double_frees_are_reported),
	  UNIT(threads_share_slabs_with_a_purger), UNIT(threads_take_lines_for_themselves),
	  UNIT(threads_leave_no_slab_behind))
