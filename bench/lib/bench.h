/*
 * bench.h - what all benchmark programs share: the clock, random numbers, the resident set, the lines that the runner
 * reads. Nothing here allocates.
 */
#ifndef BENCH_H
#define BENCH_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t bench_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static inline uint32_t bench_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(2685821657736338717) >> 32);
}

/* The compiler must take `pointer` and what it points to as used and changed. */
static inline void bench_use(void *pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }

static inline bool bench_quick(void) { return getenv("BENCH_QUICK") != NULL; }

static inline void bench_line(const char *format, ...)
{
	char line[400];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

static inline void bench_report(const char *metric, double value) { bench_line("bench: %s %.3f\n", metric, value); }

/* "Rss:" of smaps_rollup: exact, where statm and ru_maxrss are sums of per-CPU counts that lag behind. */
static inline size_t bench_rss_kib(void)
{
	char text[2048];
	int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (length <= 0)
		return 0;
	close(file);
	text[length] = '\0';
	const char *rss = strstr(text, "Rss:");
	return rss == NULL ? 0 : strtoul(rss + 4, NULL, 10);
}

#endif
