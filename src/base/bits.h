/* bits.h - arithmetic on powers of two and on bit masks. Pure functions, no state. */
#ifndef LM_BASE_BITS_H
#define LM_BASE_BITS_H

#include "base/compiler.h"

/* The smaller and the larger of two sizes. */
static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }

static inline bool is_power_of_two(size_t x) { return x != 0 && (x & (x - 1)) == 0; }

/* x rounded down or up to a multiple of the power of two `unit`; round_up may wrap to 0 near SIZE_MAX. */
static inline uintptr_t round_down(uintptr_t x, uintptr_t unit) { return x & ~(unit - 1); }
static inline uintptr_t round_up(uintptr_t x, uintptr_t unit) { return (x + unit - 1) & ~(unit - 1); }

/* Index of the lowest set bit; x is not 0. */
static inline unsigned low_bit(uint64_t x) { return (unsigned)__builtin_ctzll(x); }

/* Floor of log2; x is not 0. With ^ for -, the compiler sees that this is x86's bit scan and no more. */
static inline unsigned log2_floor(uint64_t x) { return 63u ^ (unsigned)__builtin_clzll(x); }

/* Smallest k with 2^k >= x; x is not 0. */
static inline unsigned log2_ceil(uint64_t x) { return x == 1 ? 0 : log2_floor(x - 1) + 1; }

/*
 * The builtin is a call into libgcc where the CPU is not known to count; this is what it would do (Warren 2013, 5-1).
 */
static inline uint64_t count_bits_of_bytes(uint64_t x)
{
	x -= x >> 1 & UINT64_C(0x5555555555555555);
	x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
	return (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

static inline unsigned count_bits(uint64_t x)
{
	return (unsigned)(count_bits_of_bytes(x) * UINT64_C(0x0101010101010101) >> 56);
}

/* Counts the set bits of each 32-bit half; each count stands in its half. */
static inline uint64_t count_bits_of_halves(uint64_t x)
{
	x = count_bits_of_bytes(x) * UINT64_C(0x01010101);
	return x >> 56 << 32 | (x >> 24 & 0xff);
}

/* A mask of the `count` bits from `first` on; count is 1 to 64, first + count at most 64. */
static inline uint64_t bit_range(unsigned first, unsigned count) { return (~UINT64_C(0) >> (64 - count)) << first; }

#endif
