/*
 * pagemap.c - page/pagemap.h: any address can be asked; kinds, classes and dirty bits against plain arrays.
 */
#include "unit.h"

#include "base/bits.h"
#include "os/brk.h"
#include "page/meta.h"
#include "page/pagemap.h"

#include <string.h>
#include <sys/resource.h>

/* Pages in the middle of nowhere: the page map never looks at what lies at the addresses. */
#define LEAF (UINT64_C(0x55))
#define LEAF_FIRST (LEAF * LEAF_PAGES)

static void nothing_is_at(uintptr_t address)
{
	check(pagemap_class(address) == 0);
	check(pagemap_kind(address >> PAGE_SHIFT) == PAGE_NONE);
}

static void any_address_can_be_asked(void **state)
{
	(void)state;
	struct random random = random_start(2);
	assert_true(pagemap_ensure(LEAF_FIRST, 1));
	for (unsigned bit = 0; bit < 64; bit++) {
		nothing_is_at((uintptr_t)1 << bit);
		nothing_is_at(((uintptr_t)1 << bit) - 1);
		nothing_is_at(~((uintptr_t)1 << bit));
		nothing_is_at(UINTPTR_MAX << bit);
	}
	for (int i = 0; i < 100000; i++)
		nothing_is_at(random_next(&random) >> random_below(&random, 64));
	nothing_is_at(0);
	nothing_is_at(UINTPTR_MAX);
	nothing_is_at((uintptr_t)&random);
	assert_null(pagemap_leaf(UINTPTR_MAX));
	assert_null(pagemap_leaf((uintptr_t)ROOT_ENTRIES * LEAF_PAGES));
	assert_false(pagemap_claim_kind(UINTPTR_MAX, PAGE_LARGE, PAGE_NONE));
	assert_false(pagemap_claim_kind(UINTPTR_MAX, PAGE_NONE, PAGE_LARGE));
}

/* How many bytes the page map maps for the first page of an unused place. */
static size_t bytes_for(uintptr_t page)
{
	size_t before = meta_mapped_bytes();
	check(pagemap_ensure(page, 1));
	return meta_mapped_bytes() - before;
}

static void leaves_are_made_where_asked(void **state)
{
	(void)state;
	assert_null(pagemap_leaf(LEAF_FIRST));
	assert_true(bytes_for(LEAF_FIRST) >= sizeof(struct page_leaf));
	struct page_leaf *leaf = pagemap_leaf(LEAF_FIRST);
	assert_non_null(leaf);
	assert_int_equal(bytes_for(LEAF_FIRST), 0);
	assert_ptr_equal(pagemap_leaf(LEAF_FIRST + LEAF_PAGES - 1), leaf);
	assert_null(pagemap_leaf(LEAF_FIRST + LEAF_PAGES));
	assert_null(pagemap_leaf(LEAF_FIRST - 1));
	/* Across three leaves, of which the first is there. */
	assert_true(pagemap_ensure(LEAF_FIRST + LEAF_PAGES - 1, LEAF_PAGES + 2));
	assert_ptr_equal(pagemap_leaf(LEAF_FIRST), leaf);
	for (size_t i = 0; i < LEAF_PAGES + 2; i += 997)
		pagemap_set_kind(LEAF_FIRST + LEAF_PAGES - 1 + i, PAGE_SLAB);
	assert_int_equal(bytes_for(LEAF_FIRST + LEAF_PAGES), 0);
	assert_int_equal(bytes_for(LEAF_FIRST + 2 * LEAF_PAGES), 0);
	assert_null(pagemap_leaf(LEAF_FIRST + 3 * LEAF_PAGES));
}

/* What free() makes of an address. */
static unsigned class_by_window(uintptr_t address)
{
	size_t index = pagemap_window_index(address);
	return index < LEAF_PAGES ? load_relaxed(&pagemap_window.class_of[index]) : pagemap_class(address);
}

static void window_knows(uintptr_t address, unsigned size_class)
{
	check(pagemap_window_index(address) < LEAF_PAGES);
	check(class_by_window(address) == size_class && pagemap_class(address) == size_class);
	for (unsigned bit = LEAF_SHIFT; bit < 64; bit++)
		check(class_by_window(address ^ (uintptr_t)1 << bit) == 0);
}

static void the_window_is_the_leaf_of_the_break(void **state)
{
	(void)state;
	struct random random = random_start(5);
	uintptr_t first = round_down(os_brk_now() >> PAGE_SHIFT, LEAF_PAGES);
	for (unsigned bit = 0; bit < 64; bit++)
		check(class_by_window((uintptr_t)1 << bit) == 0 && class_by_window(UINTPTR_MAX << bit) == 0);
	/* A leaf elsewhere is not the window. */
	assert_true(pagemap_ensure(LEAF_FIRST, 1));
	pagemap_set_class(LEAF_FIRST, 1, 7);
	assert_int_equal(class_by_window(LEAF_FIRST << PAGE_SHIFT), 7);
	assert_int_equal(pagemap_window_base, WINDOW_UNCLAIMED);
	assert_true(pagemap_ensure(first, LEAF_PAGES));
	assert_ptr_equal(pagemap_leaf(first), &pagemap_window);
	assert_int_equal(pagemap_window_base, first << PAGE_SHIFT);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		uintptr_t page = first + random_below(&random, LEAF_PAGES);
		unsigned size_class = 1 + (unsigned)random_below(&random, 88);
		pagemap_set_class(page, 1, size_class);
		window_knows((page << PAGE_SHIFT) + random_below(&random, PAGE_BYTES), size_class);
	}
	window_knows(first << PAGE_SHIFT, load_relaxed(&pagemap_window.class_of[0]));
	window_knows(((first + LEAF_PAGES) << PAGE_SHIFT) - 1, load_relaxed(&pagemap_window.class_of[LEAF_PAGES - 1]));
	check(pagemap_window_index((first << PAGE_SHIFT) - 1) >= LEAF_PAGES);
	check(pagemap_window_index((first + LEAF_PAGES) << PAGE_SHIFT) >= LEAF_PAGES);
	assert_int_equal(class_by_window(LEAF_FIRST << PAGE_SHIFT), 7);
}

static void the_last_leaf_is_the_end(void **state)
{
	(void)state;
	uintptr_t end = (uintptr_t)ROOT_ENTRIES * LEAF_PAGES;
	assert_true(pagemap_ensure(end - 1, 1));
	assert_false(pagemap_ensure(end, 1));
	assert_false(pagemap_ensure(end - 1, 2));
	pagemap_set_kind(end - 1, PAGE_LARGE);
	assert_int_equal(pagemap_kind(end - 1), PAGE_LARGE);
	assert_int_equal(pagemap_kind(end), PAGE_NONE);
}

static void kinds_and_classes_stay_where_they_are_put(void **state)
{
	(void)state;
	static uint8_t kind[LEAF_PAGES], class[LEAF_PAGES];
	struct random random = random_start(3);
	assert_true(pagemap_ensure(LEAF_FIRST, LEAF_PAGES));
	for (size_t i = 0; i < unit_rounds(200000); i++) {
		size_t at = random_below(&random, LEAF_PAGES);
		size_t count = size_min(1 + random_below(&random, 32), LEAF_PAGES - at);
		uint8_t value = (uint8_t)random_next(&random);
		pagemap_set_class(LEAF_FIRST + at, count, value);
		memset(&class[at], value, count);
		pagemap_set_kind(LEAF_FIRST + at, (uint8_t)~value);
		kind[at] = (uint8_t)~value;
		pagemap_link(LEAF_FIRST + at)->run_pages = at;
	}
	for (size_t at = 0; at < LEAF_PAGES; at++) {
		check(pagemap_class((LEAF_FIRST + at) << PAGE_SHIFT) == class[at]);
		check(pagemap_class(((LEAF_FIRST + at) << PAGE_SHIFT) + PAGE_BYTES - 1) == class[at]);
		check(pagemap_kind(LEAF_FIRST + at) == kind[at]);
		check(kind[at] == 0 || pagemap_link(LEAF_FIRST + at)->run_pages == at);
	}
}

static void a_claim_needs_the_right_kind(void **state)
{
	(void)state;
	assert_false(pagemap_claim_kind(LEAF_FIRST, PAGE_NONE, PAGE_LARGE));
	assert_true(pagemap_ensure(LEAF_FIRST, 1));
	pagemap_set_kind(LEAF_FIRST, PAGE_LARGE);
	assert_false(pagemap_claim_kind(LEAF_FIRST, PAGE_RUN, PAGE_NONE));
	assert_int_equal(pagemap_kind(LEAF_FIRST), PAGE_LARGE);
	assert_true(pagemap_claim_kind(LEAF_FIRST, PAGE_LARGE, PAGE_NONE));
	assert_int_equal(pagemap_kind(LEAF_FIRST), PAGE_NONE);
	assert_false(pagemap_claim_kind(LEAF_FIRST, PAGE_LARGE, PAGE_NONE));
}

enum { DIRTY_PAGES = 500, DIRTY_BEFORE = 200 };
#define DIRTY_FIRST (LEAF_FIRST + LEAF_PAGES - DIRTY_BEFORE) /* a leaf ends inside of it */

static bool model_dirty[DIRTY_PAGES];

static size_t model_count(size_t at, size_t count)
{
	size_t dirty = 0;
	for (size_t i = at; i < at + count; i++)
		dirty += model_dirty[i];
	return dirty;
}

static uint32_t model_mask(size_t at, size_t count)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < count; i++)
		mask |= (uint32_t)model_dirty[at + i] << i;
	return mask;
}

static void dirty_step(struct random *random)
{
	size_t at = random_below(random, DIRTY_PAGES);
	size_t count = size_min(1 + random_below(random, 150), DIRTY_PAGES - at);
	size_t few = size_min(count, 1 + random_below(random, 32));
	uint32_t mask = (uint32_t)random_next(random);
	switch (random_below(random, 3)) {
	case 0:
		pagemap_set_dirty(DIRTY_FIRST + at, count, mask & 1);
		for (size_t i = 0; i < count; i++)
			model_dirty[at + i] = mask & 1;
		break;
	case 1:
		pagemap_set_dirty_mask(DIRTY_FIRST + at, few, mask);
		for (size_t i = 0; i < few; i++)
			model_dirty[at + i] = mask >> i & 1;
		break;
	default:
		check(pagemap_count_dirty(DIRTY_FIRST + at, count) == model_count(at, count));
		check(pagemap_dirty_mask(DIRTY_FIRST + at, few) == model_mask(at, few));
	}
	check(pagemap_count_dirty(DIRTY_FIRST, DIRTY_PAGES) == model_count(0, DIRTY_PAGES));
}

static void dirty_bits_match_an_array(void **state)
{
	(void)state;
	struct random random = random_start(4);
	assert_true(pagemap_ensure(DIRTY_FIRST, DIRTY_PAGES));
	for (size_t i = 0; i < unit_rounds(50000); i++)
		dirty_step(&random);
	/* Each start and length once more, in particular those that cross a word and the leaf. */
	for (size_t at = DIRTY_BEFORE - 70; at < DIRTY_BEFORE + 70; at++)
		for (size_t count = 1; count <= 32; count++)
			check(pagemap_dirty_mask(DIRTY_FIRST + at, count) == model_mask(at, count));
}

static void the_nearest_begin_is_found(void **state)
{
	(void)state;
	assert_int_equal(pagemap_find_begin(LEAF_FIRST), 0);
	assert_int_equal(pagemap_find_begin(UINTPTR_MAX), 0);
	assert_true(pagemap_ensure(LEAF_FIRST, 1));
	assert_true(pagemap_ensure(LEAF_FIRST + 3 * LEAF_PAGES, 1));
	pagemap_set_kind(LEAF_FIRST, PAGE_LARGE);
	pagemap_set_kind(LEAF_FIRST + 7, PAGE_LARGE);
	pagemap_set_kind(LEAF_FIRST + 9, PAGE_SLAB);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST - 1), 0);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST), LEAF_FIRST);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + 6), LEAF_FIRST);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + 7), LEAF_FIRST + 7);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + 8), LEAF_FIRST + 7);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + 100), LEAF_FIRST + 9);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + LEAF_PAGES), LEAF_FIRST + 9);
	assert_int_equal(pagemap_find_begin(LEAF_FIRST + 3 * LEAF_PAGES + 5), LEAF_FIRST + 9);
	pagemap_set_kind(LEAF_FIRST + 9, PAGE_NONE);
	assert_int_equal(pagemap_find_begin((uintptr_t)ROOT_ENTRIES * LEAF_PAGES - 1), LEAF_FIRST + 7);
	assert_int_equal(pagemap_find_begin((uintptr_t)ROOT_ENTRIES * LEAF_PAGES), 0);
}

enum { RACED_PAGES = 2000, RACERS = 4 };
static _Atomic unsigned won[RACED_PAGES];

static void claim_all(unsigned index)
{
	(void)index;
	for (size_t i = 0; i < RACED_PAGES; i++)
		won[i] += pagemap_claim_kind(LEAF_FIRST + i, PAGE_LARGE, PAGE_NONE);
}

static void threads_claim_each_page_once(void **state)
{
	(void)state;
	assert_true(pagemap_ensure(LEAF_FIRST, RACED_PAGES));
	for (size_t i = 0; i < RACED_PAGES; i++)
		pagemap_set_kind(LEAF_FIRST + i, PAGE_LARGE);
	unit_threads(RACERS, claim_all);
	for (size_t i = 0; i < RACED_PAGES; i++)
		assert_int_equal(won[i], 1);
}

enum { RACED_LEAVES = 40 };
static struct page_leaf *_Atomic seen[RACED_LEAVES];

static void ensure_all(unsigned index)
{
	for (size_t i = 0; i < RACED_LEAVES; i++) {
		uintptr_t page = LEAF_FIRST + i * LEAF_PAGES;
		check(pagemap_ensure(page, 1));
		struct page_leaf *leaf = pagemap_leaf(page);
		struct page_leaf *first = NULL;
		check(leaf != NULL);
		check(atomic_compare_exchange_strong(&seen[i], &first, leaf) || first == leaf);
		pagemap_set_kind(page + index, PAGE_SLAB);
	}
}

static void threads_make_one_leaf(void **state)
{
	(void)state;
	size_t each = bytes_for(LEAF_FIRST - 1);
	size_t before = meta_mapped_bytes();
	unit_threads(RACERS, ensure_all);
	assert_int_equal(meta_mapped_bytes(), before + RACED_LEAVES * each);
	for (size_t i = 0; i < RACED_LEAVES; i++)
		for (unsigned index = 0; index < RACERS; index++)
			assert_int_equal(pagemap_kind(LEAF_FIRST + i * LEAF_PAGES + index), PAGE_SLAB);
}

static void a_spare_makes_any_page_exist(void **state)
{
	(void)state;
	struct pagemap_spare spare;
	struct pagemap_spare other;
	uintptr_t page = LEAF_FIRST + 5 * LEAF_PAGES + 3;
	assert_true(pagemap_spare_take(&spare) && pagemap_spare_take(&other));
	struct rlimit both;
	getrlimit(RLIMIT_AS, &both);
	setrlimit(RLIMIT_AS, &(struct rlimit){1, both.rlim_max});
	pagemap_ensure_spared(page, &spare);
	pagemap_ensure_spared(page + 1, &other);
	setrlimit(RLIMIT_AS, &both);
	assert_true(spare.leaf == NULL && spare.block == NULL);
	assert_true(other.leaf != NULL && other.block != NULL);
	pagemap_set_kind(page, PAGE_LARGE);
	assert_int_equal(pagemap_kind(page), PAGE_LARGE);
	assert_int_equal(pagemap_kind(page + 1), PAGE_NONE);
	/* What was not used is kept for the next one. */
	void *leaf = other.leaf;
	pagemap_spare_put(&spare);
	pagemap_spare_put(&other);
	assert_true(pagemap_spare_take(&spare) && spare.leaf == leaf);
	pagemap_spare_put(&spare);
}

/* The zones of neighbouring pages have a lock each, and may share a word: neither loses what it wrote. */
static uintptr_t shared_word;

static void toggle_every_fourth(unsigned index)
{
	for (size_t i = 0; i < unit_rounds(100000); i++) {
		for (uintptr_t page = shared_word + index; page < shared_word + 64; page += 4)
			pagemap_set_dirty(page, 1, i % 2 == 0 ? PAGES_DIRTY : PAGES_CLEAN);
		for (uintptr_t page = shared_word + index; page < shared_word + 64; page += 4)
			check(pagemap_count_dirty(page, 1) == (i % 2 == 0));
		pagemap_set_dirty_mask(shared_word + index, 1, (uint32_t)i % 2);
		check(pagemap_dirty_mask(shared_word + index, 1) == i % 2);
	}
}

static void threads_share_a_word_of_dirty_bits(void **state)
{
	(void)state;
	shared_word = 64 * 1000;
	check(pagemap_ensure(shared_word, 64));
	unit_threads(4, toggle_every_fourth);
}

UNIT_MAIN(UNIT(threads_share_a_word_of_dirty_bits), UNIT(a_spare_makes_any_page_exist), UNIT(any_address_can_be_asked), UNIT(leaves_are_made_where_asked),
	  UNIT(the_window_is_the_leaf_of_the_break), UNIT(the_last_leaf_is_the_end),
	  UNIT(kinds_and_classes_stay_where_they_are_put), UNIT(a_claim_needs_the_right_kind),
	  UNIT(dirty_bits_match_an_array), UNIT(the_nearest_begin_is_found), UNIT(threads_claim_each_page_once),
	  UNIT(threads_make_one_leaf))
