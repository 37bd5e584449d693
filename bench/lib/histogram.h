/*
 * histogram.h - counts of times in log-linear buckets, after Tene's HdrHistogram.
 *
 * Each doubling of the time is cut into 2^3 buckets of equal width, so a value is known to an eighth at worst, from a
 * nanosecond to hours, in 4 KiB. Values below 8 have a bucket each:
 *
 *      bucket  0 1 2 ... 7 | 8 9 ... 15 | 16   17  ... 23  | 24    25 ...
 *      lower   0 1 2 ... 7 | 8 9 ... 15 | 16   18  ... 30  | 32    36 ...
 *
 * A histogram belongs to one thread while it is written; others may be added to it afterwards.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include "bench.h"

enum { HISTOGRAM_BITS = 3, HISTOGRAM_PARTS = 1 << HISTOGRAM_BITS, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_PARTS };

struct histogram {
	uint64_t count[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t sum;
	uint64_t max;
};

static inline unsigned histogram_bucket(uint64_t value)
{
	if (value < HISTOGRAM_PARTS)
		return (unsigned)value;
	unsigned octave = 63 - (unsigned)__builtin_clzll(value);
	unsigned shift = octave - HISTOGRAM_BITS;
	return (shift + 1) * HISTOGRAM_PARTS + (unsigned)(value >> shift) % HISTOGRAM_PARTS;
}

/* The least value of a bucket. */
static inline uint64_t histogram_lower(unsigned bucket)
{
	if (bucket < HISTOGRAM_PARTS)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_PARTS - 1;
	return (uint64_t)(HISTOGRAM_PARTS + bucket % HISTOGRAM_PARTS) << shift;
}

static inline void histogram_record(struct histogram *histogram, uint64_t value)
{
	histogram->count[histogram_bucket(value)]++;
	histogram->total++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
}

static inline void histogram_add(struct histogram *to, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->total += from->total;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

/* The value that `part` (0 to 1) of all stay below, rounded up to a bucket's end, but never above the maximum. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		seen += histogram->count[i];
		if (seen > 0 && (double)seen >= part * (double)histogram->total) {
			uint64_t highest = histogram_lower(i + 1) - 1;
			return highest < histogram->max ? highest : histogram->max;
		}
	}
	return histogram->max;
}

/* Lines NAME_p50, NAME_p99, NAME_p999, NAME_max, in nanoseconds, and the buckets that are not empty. */
static inline void histogram_report(const struct histogram *histogram, const char *name)
{
	bench_line("bench: %s_p50 %llu\n", name, (unsigned long long)histogram_quantile(histogram, 0.5));
	bench_line("bench: %s_p99 %llu\n", name, (unsigned long long)histogram_quantile(histogram, 0.99));
	bench_line("bench: %s_p999 %llu\n", name, (unsigned long long)histogram_quantile(histogram, 0.999));
	bench_line("bench: %s_max %llu\n", name, (unsigned long long)histogram->max);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram->count[i] != 0)
			bench_line("bench: bucket %s %llu %llu\n", name, (unsigned long long)histogram_lower(i),
				(unsigned long long)histogram->count[i]);
}

#endif
