/*
 * bits.c - base/bits.h against arithmetic done the slow way.
 */
#include "unit.h"

#include "base/bits.h"

static void sizes_are_compared(void **state)
{
	(void)state;
	assert_int_equal(size_min(3, 4), 3);
	assert_int_equal(size_min(4, 3), 3);
	assert_int_equal(size_max(3, 4), 4);
	assert_int_equal(size_max(4, 3), 4);
	assert_int_equal(size_max(0, SIZE_MAX), SIZE_MAX);
	assert_int_equal(size_min(0, SIZE_MAX), 0);
}

static void powers_of_two_are_known(void **state)
{
	(void)state;
	for (size_t x = 0; x < 5000; x++) {
		bool expected = false;
		for (size_t power = 1; power <= x; power *= 2)
			expected |= power == x;
		assert_int_equal(is_power_of_two(x), expected);
	}
	for (unsigned k = 0; k < 64; k++)
		assert_true(is_power_of_two((size_t)1 << k));
	assert_false(is_power_of_two(SIZE_MAX));
}

static void rounding_is_to_multiples(void **state)
{
	(void)state;
	for (size_t unit = 1; unit <= 65536; unit *= 2) {
		for (size_t x = 0; x < 3 * unit && x < 10000; x++) {
			assert_int_equal(round_down(x, unit), x / unit * unit);
			assert_int_equal(round_up(x, unit), (x + unit - 1) / unit * unit);
		}
	}
	assert_int_equal(round_up(SIZE_MAX, 4096), 0);
	assert_int_equal(round_down(SIZE_MAX, 4096), SIZE_MAX - 4095);
}

static void logarithms_are_exact(void **state)
{
	(void)state;
	for (uint64_t x = 1; x < 70000; x++) {
		unsigned floor = 0;
		unsigned ceil = 0;
		while (UINT64_C(2) << floor <= x)
			floor++;
		while (UINT64_C(1) << ceil < x)
			ceil++;
		assert_int_equal(log2_floor(x), floor);
		assert_int_equal(log2_ceil(x), ceil);
	}
	assert_int_equal(log2_floor(UINT64_MAX), 63);
	assert_int_equal(log2_ceil(UINT64_MAX), 64);
	assert_int_equal(log2_ceil(UINT64_C(1) << 63), 63);
}

static void ranges_and_counts_match_loops(void **state)
{
	(void)state;
	for (unsigned first = 0; first < 64; first++) {
		for (unsigned count = 1; first + count <= 64; count++) {
			uint64_t expected = 0;
			for (unsigned bit = first; bit < first + count; bit++)
				expected |= UINT64_C(1) << bit;
			assert_int_equal(bit_range(first, count), expected);
			assert_int_equal(low_bit(bit_range(first, count)), first);
			assert_int_equal(count_bits(bit_range(first, count)), count);
		}
	}
	assert_int_equal(count_bits(0), 0);
}

UNIT_MAIN(UNIT(sizes_are_compared), UNIT(powers_of_two_are_known), UNIT(rounding_is_to_multiples),
	  UNIT(logarithms_are_exact), UNIT(ranges_and_counts_match_loops))
