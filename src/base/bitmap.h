/*
 * bitmap.h - ranges of bits in an array of 64-bit words: bit i is bit i % 64 of map[i / 64]. Pure functions, no state.
 *
 *      map[0]            map[1]            map[2]
 *      |......xxxxxxxxxxx|xxxxxxxxxxxxxxxxx|xxxxx............|        a walk over a range makes one step for each word
 */
#ifndef LM_BASE_BITMAP_H
#define LM_BASE_BITMAP_H

#include "base/bits.h"
#include "base/compiler.h"

static inline bool bit_is_set(const uint64_t *map, size_t at) { return map[at / 64] >> at % 64 & 1; }

/* One step of a walk over `*count` bits (1 at least): the mask of those in the word of *first. Both go past them. */
static always_inline uint64_t bits_step(size_t *first, size_t *count)
{
	unsigned bit = *first % 64;
	unsigned in_word = (unsigned)size_min(64 - bit, *count);
	*first += in_word;
	*count -= in_word;
	return bit_range(bit, in_word);
}

static inline void bits_set(uint64_t *map, size_t first, size_t count)
{
	while (count > 0) {
		uint64_t *word = &map[first / 64];
		*word |= bits_step(&first, &count);
	}
}

static inline void bits_clear(uint64_t *map, size_t first, size_t count)
{
	while (count > 0) {
		uint64_t *word = &map[first / 64];
		*word &= ~bits_step(&first, &count);
	}
}

static inline bool bits_all_set(const uint64_t *map, size_t first, size_t count)
{
	while (count > 0) {
		uint64_t word = map[first / 64];
		uint64_t mask = bits_step(&first, &count);
		if ((word & mask) != mask)
			return false;
	}
	return true;
}

/* The first bit from `at` on that is set after ^ flip; if there is none before `end`: `end` or a later number. */
static inline size_t bits_next(const uint64_t *map, size_t at, size_t end, uint64_t flip)
{
	while (at < end) {
		uint64_t word = (map[at / 64] ^ flip) >> at % 64;
		if (word != 0)
			return at + low_bit(word);
		at = (at / 64 + 1) * 64;
	}
	return at;
}

static inline size_t bits_next_set(const uint64_t *map, size_t at, size_t end) { return bits_next(map, at, end, 0); }

static inline size_t bits_next_clear(const uint64_t *map, size_t at, size_t end)
{
	return bits_next(map, at, end, ~UINT64_C(0));
}

/* The number after the last set bit below `at`; 0 if there is none. */
static inline size_t bits_after_last_set(const uint64_t *map, size_t at)
{
	while (at > 0) {
		size_t last = at - 1;
		uint64_t word = map[last / 64] << (63 - last % 64);
		if (word != 0)
			return at - (63 - log2_floor(word));
		at = round_down(last, 64);
	}
	return 0;
}

#endif
