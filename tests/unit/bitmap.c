/*
 * bitmap.c - base/bitmap.h against an array of one bool a bit.
 */
#include "unit.h"

#include "base/bitmap.h"

enum { BITS = 320, STEPS = 3000 };

static uint64_t map[BITS / 64];
static bool model[BITS];

static size_t model_next(size_t at, size_t end, bool set)
{
	while (at < end && model[at] != set)
		at++;
	return at;
}

static size_t model_after_last_set(size_t at)
{
	while (at > 0 && !model[at - 1])
		at--;
	return at;
}

static void check_map(struct random *random)
{
	size_t at = random_below(random, BITS + 1);
	size_t end = at + random_below(random, BITS + 1 - at);
	assert_int_equal(bits_all_set(map, at, end - at), model_next(at, end, false) == end);
	assert_int_equal(size_min(bits_next_set(map, at, end), end), model_next(at, end, true));
	assert_int_equal(size_min(bits_next_clear(map, at, end), end), model_next(at, end, false));
	assert_int_equal(bits_next_set(map, at, BITS), model_next(at, BITS, true));
	assert_int_equal(bits_after_last_set(map, at), model_after_last_set(at));
	for (size_t i = 0; i < BITS; i++)
		assert_int_equal(bit_is_set(map, i), model[i]);
}

static void ranges_are_set_and_found(void **state)
{
	(void)state;
	struct random random = random_start(7);
	for (size_t i = 0; i < unit_rounds(STEPS); i++) {
		size_t first = random_below(&random, BITS);
		size_t count = random_below(&random, random_one_in(&random, 2) ? 20 : BITS - first + 1);
		bool set = random_one_in(&random, 2);
		count = size_min(count, BITS - first);
		if (set)
			bits_set(map, first, count);
		else
			bits_clear(map, first, count);
		for (size_t bit = first; bit < first + count; bit++)
			model[bit] = set;
		check_map(&random);
	}
}

static void a_walk_steps_by_words(void **state)
{
	(void)state;
	size_t first = 60, count = 72;
	assert_true(bits_step(&first, &count) == UINT64_C(0xf) << 60);
	assert_true(first == 64 && count == 68);
	assert_true(bits_step(&first, &count) == ~UINT64_C(0));
	assert_true(bits_step(&first, &count) == 0xf);
	assert_true(first == 132 && count == 0);
}

UNIT_MAIN(UNIT(ranges_are_set_and_found), UNIT(a_walk_steps_by_words))
