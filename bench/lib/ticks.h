/*
 * ticks.h - a clock for single calls: the processor's time stamp counter, fenced, so that the call lies between the
 * two readings; compared with CLOCK_MONOTONIC at the start to know a tick's length. What an empty measurement takes is
 * subtracted. Where the processor is no x86, CLOCK_MONOTONIC itself.
 */
#ifndef TICKS_H
#define TICKS_H

#include "bench.h"

#if defined(__x86_64__)
#include <x86intrin.h>
static inline uint64_t ticks_now(void)
{
	_mm_lfence();
	uint64_t now = __rdtsc();
	_mm_lfence();
	return now;
}
#else
static inline uint64_t ticks_now(void) { return bench_now_ns(); }
#endif

/* ns = ticks * scale / 2^32, less the clock's own cost. Written once by ticks_calibrate, before any thread. */
struct ticks {
	uint64_t scale;
	uint64_t own;
};

static inline struct ticks ticks_calibrate(void)
{
	enum { CALIBRATION_NS = 20000000, EMPTY = 10000 };
	struct ticks ticks = {0, UINT64_MAX};
	uint64_t begin_ns = bench_now_ns(), begin = ticks_now(), end_ns;
	while ((end_ns = bench_now_ns()) - begin_ns < CALIBRATION_NS)
		continue;
	uint64_t passed = ticks_now() - begin;
	ticks.scale = (uint64_t)((double)(end_ns - begin_ns) / (double)passed * 4294967296.0);
	for (int i = 0; i < EMPTY; i++) {
		uint64_t before = ticks_now();
		uint64_t empty = ticks_now() - before;
		if (empty < ticks.own)
			ticks.own = empty;
	}
	return ticks;
}

/* Nanoseconds between two readings, the clock's own cost taken off. */
static inline uint64_t ticks_between_ns(const struct ticks *ticks, uint64_t begin, uint64_t end)
{
	uint64_t passed = end - begin;
	passed = passed > ticks->own ? passed - ticks->own : 0;
	return (uint64_t)((unsigned __int128)passed * ticks->scale >> 32);
}

#endif
