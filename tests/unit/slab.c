/*
 * slab.c - one slab against an array that says which objects are taken: counts, page masks, contents, purging.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "os/map.h"
#include "page/purge.h"
#include "page/zone.h"
#include "slab/slab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A class of each kind: 512 to a slab, objects across two pages and three, waste at the end, few, whole pages, one. */
static const size_t kinds[] = {16,   48,   112,  208,  1024,  1792,  4608,  5120,
			       5632, 6656, 7168, 7680, 20480, 36864, 106496, 131072};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static unsigned c; /* the class under test */
static struct slab *slab;
static bool is_taken[SLAB_MAX_OBJECTS];
static unsigned ntaken;
static uint32_t dirty, purged, reserved; /* as the masks must be */

static const struct size_class *class(void) { return &size_classes[c]; }

/* A slab has room for some fours of objects, which make up whole cache lines. */
static bool has_lines(void) { return class()->objects >= 64; }
static uintptr_t base(void) { return (slab->first_page << PAGE_SHIFT) + slab->colour; }
static bool is_kept(void) { return class()->page_rule == PAGES_KEPT; }
static void *object(unsigned index) { return (void *)(base() + (uintptr_t)index * class()->bytes); }

static uint32_t pages_under(unsigned index)
{
	uint32_t pages = 0;
	for (size_t at = (size_t)index * class()->bytes; at < (index + (size_t)1) * class()->bytes; at += 8)
		pages |= UINT32_C(1) << ((slab->colour + at) >> PAGE_SHIFT);
	return pages;
}

static bool is_reserved(unsigned index) { return (pages_under(index) & reserved) != 0; }

static void compare(void)
{
	uint32_t empty = is_kept() ? 0 : slab_all_pages(c);
	unsigned nfree = 0;
	slab_check(slab);
	for (unsigned i = 0; i < class()->objects; i++) {
		if (is_taken[i])
			empty &= ~pages_under(i);
		bool is_free = !is_taken[i] && !is_reserved(i);
		nfree += is_free;
		check((slab->free[i / 64] >> i % 64 & 1) == is_free);
	}
	check(slab->nfree == nfree);
	check(slab_is_empty(slab) == (nfree == class()->objects));
	if (reserved != 0)
		return;
	check(slab->empty == empty && slab->dirty == dirty && slab->purged == purged);
	check(slab_idle_pages(slab) == (empty & dirty));
}

static void note_taken(void *taken)
{
	unsigned index = (unsigned)(((uintptr_t)taken - base()) / class()->bytes);
	check(index < class()->objects && object(index) == taken);
	check(!is_taken[index] && !is_reserved(index));
	is_taken[index] = true;
	ntaken++;
	dirty |= pages_under(index);
	purged &= ~pages_under(index);
	content_write(taken, class()->bytes, index);
}

static unsigned first_free(void)
{
	unsigned index = 0;
	while (index < class()->objects && (is_taken[index] || is_reserved(index)))
		index++;
	return index;
}

static void take_some(size_t count)
{
	void *objects[SLAB_MAX_OBJECTS];
	size_t there = slab->nfree;
	size_t got = slab_take(slab, objects, count);
	check(got == (count < there ? count : there));
	for (size_t i = 0; i < got; i++) {
		void *taken = objects[count - 1 - i];
		check(taken == object(first_free()));
		note_taken(taken);
	}
}

/* The first four from `index` on, a multiple of 4, that are all free; past the last one: there are none. */
static unsigned first_four(unsigned index)
{
	unsigned free = 0;
	for (; index + 4 <= class()->objects; index += 4) {
		for (free = index; free < index + 4 && !is_taken[free] && !is_reserved(free);)
			free++;
		if (free == index + 4)
			break;
	}
	return index;
}

static void take_lines(size_t count)
{
	void *objects[SLAB_MAX_OBJECTS];
	size_t got = slab_take_lines(slab, objects, count);
	check(got <= count && got % 4 == 0);
	for (size_t i = 0; i < got; i++) {
		void *taken = objects[count - 1 - i];
		check(i % 4 != 0 || taken == object(first_four(0)));
		check(i % 4 == 0 || (char *)taken == (char *)objects[count - i] + class()->bytes);
		if (i % 4 == 3)
			for (size_t at = i - 3; at <= i; at++)
				note_taken(objects[count - 1 - at]);
	}
	check(got == count || first_four(0) + 4 > class()->objects);
}

static void take_one(void)
{
	bool zeroed;
	if (slab->nfree == 0)
		return;
	unsigned index = first_free();
	bool clean = (pages_under(index) & dirty) == 0;
	void *taken = slab_take_one(slab, &zeroed);
	check(taken == object(index));
	check(zeroed == clean);
	if (zeroed)
		check(content_is_zero(taken, class()->bytes));
	note_taken(taken);
}

static void put(unsigned index)
{
	void *one = object(index);
	uintptr_t address = (uintptr_t)one;
	check(slab_of(address, c) == slab && slab_of(address + class()->bytes - 1, c) == slab);
	if (!is_taken[index]) {
		if (!is_reserved(index))
			check(slab_put(slab, &one, 1) == 0);
		return;
	}
	check(content_is(object(index), class()->bytes, index));
	check(slab_put(slab, &one, 1) == 1);
	is_taken[index] = false;
	ntaken--;
}

/*
 * Objects from all over the slab, or neighbours, in one call: it stops at the first that is not taken. Nobody goes on
 * with a slab after that, so it is as before then, and the others are put alone.
 */
static void put_many(struct random *random)
{
	void *objects[64];
	size_t count = 1 + random_below(random, 64);
	bool neighbours = random_one_in(random, 2);
	unsigned index = (unsigned)random_below(random, class()->objects);
	size_t good = 0, n = 0;
	while (n < count && !is_reserved(index)) {
		objects[n] = object(index);
		if (good == n && is_taken[index]) {
			is_taken[index] = false;
			ntaken--;
			good++;
		}
		n++;
		index = (neighbours ? index + 1 : (unsigned)random_next(random)) % class()->objects;
	}
	if (good < n) {
		struct slab before = *slab;
		check(slab_put(slab, objects, n) == good);
		*slab = before;
	}
	if (good > 0)
		check(slab_put(slab, objects, good) == good);
}

/* What the purger does with some of the idle pages, and others take and put meanwhile. */
static void purge(struct random *random)
{
	uint32_t idle = slab_idle_pages(slab);
	uint32_t pages = random_one_in(random, 2) ? idle : idle & (uint32_t)random_next(random);
	bool gone = !random_one_in(random, 4);
	if (pages == 0)
		return;
	slab_reserve_pages(slab, pages);
	reserved = pages;
	compare();
	for (unsigned i = 0; i < class()->pages; i++)
		if (gone && (pages >> i & 1))
			check(os_purge((void *)((slab->first_page + i) << PAGE_SHIFT), PAGE_BYTES));
	for (int i = 0; i < 4; i++) {
		put((unsigned)random_below(random, class()->objects));
		take_some(random_below(random, 3));
		if (has_lines())
			take_lines(4 * random_below(random, 3));
		compare();
	}
	slab_restore_pages(slab, pages, gone ? PAGES_PURGED : PAGES_AS_BEFORE);
	reserved = 0;
	if (gone) {
		dirty &= ~pages;
		purged |= pages;
	}
}

static void begin_with(struct slab *made)
{
	slab = made;
	check(slab != NULL);
	memset(is_taken, 0, sizeof(is_taken));
	ntaken = 0;
	dirty = slab->dirty;
	purged = reserved = 0;
	compare();
}

static void begin(size_t bytes)
{
	c = size_class_of(bytes);
	check(size_classes[c].bytes == bytes);
	begin_with(slab_create_from(c, ZONE_HEAP, PAGES_GROW));
}

static void end(void)
{
	for (unsigned i = 0; i < class()->objects; i++)
		if (is_taken[i])
			put(i);
	compare();
	check(slab_is_empty(slab));
	slab_destroy(slab);
}

static void step(struct random *random)
{
	unsigned objects = class()->objects;
	static unsigned steps;
	/* Times of growing and of shrinking, so that it is full and empty now and then. */
	bool growing = random_below(random, 8) < (steps++ / 64 % 2 == 0 ? 6 : 2);
	if (random_one_in(random, 12))
		purge(random);
	else if (!growing && random_one_in(random, 2))
		put_many(random);
	else if (!growing)
		for (size_t i = 0; i < 1 + objects / 32; i++)
			put((unsigned)random_below(random, objects));
	else if (random_one_in(random, 2))
		take_one();
	else if (has_lines() && random_one_in(random, 2))
		take_lines(4 * random_below(random, 16));
	else
		take_some(1 + random_below(random, 1 + objects / 16));
	compare();
}

static void objects_and_pages_match_an_array(void **state)
{
	(void)state;
	struct random random = random_start(11);
	for (size_t kind = 0; kind < KINDS; kind++) {
		for (int round = 0; round < 3; round++) {
			begin(kinds[kind]);
			for (size_t i = 0; i < unit_rounds(700); i++)
				step(&random);
			end();
		}
	}
	assert_int_equal(zone_used_pages(), 0);
	zone_check(&zones[ZONE_HEAP]);
}

/* One of four that is taken keeps its neighbours from being handed out by lines; all others are, in rising order. */
static void whole_lines_are_taken(void **state)
{
	(void)state;
	for (c = 1; has_lines(); c++) {
		unsigned fours = size_classes[c].objects / 4;
		begin(size_classes[c].bytes);
		take_some(SLAB_MAX_OBJECTS);
		for (unsigned i = 0; i < 4 * fours; i++)
			if (i / 4 % 2 == 1 || i % 4 != i / 8 % 4)
				put(i);
		unsigned before = ntaken;
		take_lines(4);
		take_lines(8);
		assert_int_equal(ntaken, before + 12);
		take_lines(SLAB_MAX_OBJECTS);
		compare();
		assert_int_equal(ntaken, before + fours / 2 * 4);
		void *none[4];
		assert_int_equal(slab_take_lines(slab, none, 4), 0);
		end();
	}
}

/* In one call, each first or last of its bitmap word, in rising and falling order, then with one that was free. */
static void objects_go_back_over_the_edges_of_words(void **state)
{
	(void)state;
	static const unsigned indices[] = {63, 64, 127, 128, 191, 192, 255, 0, 511, 256};
	void *objects[11];
	for (unsigned order = 0; order < 2; order++) {
		begin(16);
		take_some(SLAB_MAX_OBJECTS);
		for (unsigned i = 0; i < 10; i++)
			objects[i] = object(indices[order == 0 ? i : 9 - i]);
		for (unsigned i = 0; i < 10; i++)
			is_taken[indices[i]] = false;
		ntaken -= 10;
		assert_int_equal(slab_put(slab, objects, 10), 10);
		compare();
		end();
	}
	begin(16);
	take_some(SLAB_MAX_OBJECTS);
	objects[10] = objects[4];
	assert_int_equal(slab_put(slab, objects, 11), 10);
	assert_int_equal(slab->nfree, 10);
	for (unsigned i = 0; i < 10; i++)
		assert_true(slab_says_free(slab, (uintptr_t)objects[i]));
}

/* Each object alone on its pages, and as the last one that went: the pages in the middle of it too. */
static void objects_over_three_pages_empty_them(void **state)
{
	(void)state;
	for (c = size_class_of(4608); size_classes[c].bytes <= 7680; c++) {
		begin(size_classes[c].bytes);
		for (unsigned step = 1; step <= class()->objects; step++) {
			take_some(SLAB_MAX_OBJECTS);
			for (unsigned i = 0; i < class()->objects; i++) {
				put(i * step % class()->objects);
				compare();
			}
			for (unsigned i = 0; i < class()->objects; i++)
				put(i);
			assert_true(slab_is_empty(slab));
			assert_int_equal(slab->empty, slab_all_pages(c));
		}
		end();
	}
}

/* Layouts of object caches, with the most colour that the waste allows. */
static const struct {
	uint32_t bytes;
	unsigned objects, pages;
	enum page_rule rule;
} layouts[] = {
	{8, 512, 1, PAGES_EACH},     {24, 170, 1, PAGES_EACH},	  {24, 100, 1, PAGES_KEPT},  {136, 240, 8, PAGES_EACH},
	{600, 20, 3, PAGES_EACH},    {1000, 65, 16, PAGES_EACH},  {1000, 4, 1, PAGES_KEPT},  {2056, 31, 16, PAGES_EACH},
	{4096, 16, 16, PAGES_EACH},  {5000, 13, 16, PAGES_EACH},  {7000, 9, 16, PAGES_EACH}, {32768, 2, 16, PAGES_KEPT},
	{40000, 1, 10, PAGES_ONE},   {40000, 1, 10, PAGES_KEPT},  {131072, 1, 32, PAGES_ONE},
};
enum { LAYOUTS = sizeof(layouts) / sizeof(layouts[0]) };

static void begin_layout(size_t i, unsigned colour)
{
	c = CLASS_COUNT + 7;
	size_class_lay_out(&size_classes[c], layouts[i].bytes, layouts[i].objects, layouts[i].pages, layouts[i].rule);
	begin_with(slab_create_coloured(c, colour));
}

static unsigned waste_of(size_t i)
{
	unsigned waste = (layouts[i].pages << PAGE_SHIFT) - layouts[i].objects * layouts[i].bytes;
	return waste < PAGE_BYTES ? waste & ~7u : PAGE_BYTES - 8;
}

static void coloured_slabs_match_an_array_too(void **state)
{
	(void)state;
	struct random random = random_start(12);
	for (size_t i = 0; i < LAYOUTS; i++) {
		for (unsigned quarter = 0; quarter <= 4; quarter++) {
			begin_layout(i, waste_of(i) * quarter / 4 & ~7u);
			for (size_t round = 0; round < unit_rounds(300); round++)
				step(&random);
			end();
		}
	}
}

static void the_page_map_knows_a_coloured_slab_while_it_lives(void **state)
{
	(void)state;
	for (size_t i = 0; i < LAYOUTS; i++) {
		unsigned colour = waste_of(i);
		begin_layout(i, colour);
		uintptr_t first = slab->first_page << PAGE_SHIFT;
		uintptr_t end_of_objects = base() + (uintptr_t)layouts[i].objects * layouts[i].bytes;
		assert_int_equal(slab_first_of_key(first, slab_key(c)), first + colour);
		assert_int_equal(slab_first_of_key(first, slab_key(c + 1)), 0);
		for (size_t page = 0; page < layouts[i].pages; page++) {
			assert_int_equal(pagemap_class(first + page * PAGE_BYTES), 0);
			assert_int_equal(slab_objects_id(first + page * PAGE_BYTES + 5), c);
			assert_ptr_equal(slab_of_cache(first + page * PAGE_BYTES + 5, c), slab);
		}
		for (uintptr_t at = first; at < first + layouts[i].pages * PAGE_BYTES; at += 8)
			assert_int_equal(slab_object_begins(at, c), at >= base() && at < end_of_objects &&
									       (at - base()) % layouts[i].bytes == 0);
		assert_null(slab_of_cache(base(), c - 1));
		end();
		assert_int_equal(slab_objects_id(first), 0);
		assert_int_equal(slab_first_of_key(first, slab_key(c)), 0);
	}
}

/* A slab whose pages merge into a free block before them: nobody else writes to the page map there. */
static void nothing_is_left_of_a_coloured_slab(void **state)
{
	(void)state;
	begin_layout(0, 0);
	struct slab *before = slab;
	begin_layout(0, 0);
	uintptr_t first = base();
	assert_int_equal(first, slab_first_object(before) + PAGE_BYTES);
	slab_destroy(before);
	slab_destroy(slab);
	assert_int_equal(slab_first_of_key(first, slab_key(c)), 0);
	assert_int_equal(slab_objects_id(first), 0);
}

/* All objects of a slab of every class: in rising order, none twice, none over the edge. */
static void every_class_hands_out_all_its_objects(void **state)
{
	(void)state;
	for (c = 1; c < CLASS_COUNT; c++) {
		begin(size_classes[c].bytes);
		take_some(SLAB_MAX_OBJECTS);
		compare();
		assert_int_equal(ntaken, class()->objects);
		assert_int_equal(slab->nfree, 0);
		void *none;
		assert_int_equal(slab_take(slab, &none, 1), 0);
		end();
	}
}

static void the_page_map_knows_a_slab_while_it_lives(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		begin(kinds[kind]);
		uintptr_t first = slab->first_page;
		size_t aligned = (size_t)1 << class()->order;
		assert_int_equal(first % aligned, 0);
		assert_int_equal(pagemap_kind(first), PAGE_SLAB);
		for (size_t i = 0; i < class()->pages; i++)
			assert_int_equal(pagemap_class((first + i) << PAGE_SHIFT), c);
		for (size_t i = class()->pages; i < aligned; i++)
			assert_int_equal(pagemap_class((first + i) << PAGE_SHIFT), 0);
		assert_null(slab_of(first << PAGE_SHIFT, c > 1 ? c - 1 : 2));
		end();
		for (size_t i = 0; i < class()->pages; i++)
			assert_int_equal(pagemap_class((first + i) << PAGE_SHIFT), 0);
		assert_null(slab_of(first << PAGE_SHIFT, c));
	}
}

/* What is left at the end of a slab may be long enough to look like one more object. */
static void the_waste_at_the_end_is_no_object(void **state)
{
	(void)state;
	for (c = 1; c < CLASS_COUNT; c++) {
		size_t waste = ((size_t)class()->pages << PAGE_SHIFT) - class()->objects * (size_t)class()->bytes;
		begin(size_classes[c].bytes);
		take_some(SLAB_MAX_OBJECTS);
		void *past = object(class()->objects);
		if (waste > 0)
			assert_int_equal(slab_put(slab, &past, 1), 0);
		compare();
		end();
	}
}

/* What a slab wrote is known to the next owner of its pages. */
static void dirty_pages_go_back_as_such(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		begin(1024);
		take_some(9);
		end();
	}
	assert_int_equal(zone_dirty_pages(), 3);
	begin(1024);
	assert_int_equal(dirty & 7, 7);
	end();
}

enum { SLABS = 20 };

/* Some slabs are purged, and a quarter of the pages used again; or it is only said so, and of how many. */
static void buy_back(void *said)
{
	size_t bought = *(const size_t *)said;
	unsigned pages = size_classes[size_class_of(1024)].pages;
	unsigned objects = size_classes[size_class_of(1024)].objects;
	for (int i = 0; i < SLABS && bought == 0; i++) {
		begin(1024);
		take_some(objects);
		for (unsigned index = 0; index < objects; index++)
			put(index);
		slab_reserve_pages(slab, slab_all_pages(c));
		slab_restore_pages(slab, slab_all_pages(c), true);
		dirty = 0;
		purged = slab_all_pages(c);
		take_some(objects / 4);
		put(0);
		take_some(1);
	}
	purge_note_purged(SLABS * pages);
	purge_note_bought(bought);
	fprintf(stderr, "%zu", pages_until_looser());
}

static size_t lack_after(size_t said)
{
	char text[1000];
	int status = unit_capture(buy_back, &said, text, sizeof(text));
	if (status != 0)
		fprintf(stderr, "%s", text);
	check(status == 0);
	return strtoul(text, NULL, 10);
}

/* Pages that were purged and are used again are bought back: the purger hears of it, once. */
static void buying_back_is_noticed(void **state)
{
	(void)state;
	size_t pages = SLABS * size_classes[size_class_of(1024)].pages;
	size_t lack = lack_after(0);
	assert_int_equal(lack, lack_after(pages / 4));
	/* Or the measure would say nothing. */
	assert_true(lack < lack_after(pages / 8));
	assert_true(lack > lack_after(pages / 2));
}

static void spoil_count(void *unused)
{
	(void)unused;
	slab->nfree++;
	slab_check(slab);
}

static void spoil_empty(void *unused)
{
	(void)unused;
	slab->empty ^= 1;
	slab_check(slab);
}

static void spoil_dirty(void *unused)
{
	(void)unused;
	slab->dirty &= ~UINT32_C(1);
	slab_check(slab);
}

static void spoil_purged(void *unused)
{
	(void)unused;
	slab->purged |= 1;
	slab_check(slab);
}

static void faults_are_reported(void **state)
{
	(void)state;
	begin(48);
	take_some(3);
	unit_expect_abort(spoil_count, NULL, "libmalloc: internal error: slab: nfree and the bitmap differ");
	unit_expect_abort(spoil_empty, NULL, "libmalloc: internal error: slab: a page is wrongly empty or not");
	unit_expect_abort(spoil_dirty, NULL, "libmalloc: internal error: slab: a used page is clean");
	unit_expect_abort(spoil_purged, NULL, "libmalloc: internal error: slab: a purged page is in use");
}

UNIT_MAIN(UNIT(objects_and_pages_match_an_array), UNIT(coloured_slabs_match_an_array_too),
	  UNIT(the_page_map_knows_a_coloured_slab_while_it_lives), UNIT(nothing_is_left_of_a_coloured_slab),
	  UNIT(every_class_hands_out_all_its_objects),
	  UNIT(whole_lines_are_taken), UNIT(objects_go_back_over_the_edges_of_words),
	  UNIT(objects_over_three_pages_empty_them),
	  UNIT(the_page_map_knows_a_slab_while_it_lives), UNIT(the_waste_at_the_end_is_no_object),
	  UNIT(dirty_pages_go_back_as_such), UNIT(buying_back_is_noticed), UNIT(faults_are_reported))
