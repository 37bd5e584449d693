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

/* The number behind `name` in a file of /proc, 0 where there is none. */
static inline size_t bench_proc_number(const char *path, const char *name)
{
	char text[4096];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (file >= 0)
		close(file);
	text[length < 0 ? 0 : length] = '\0';
	const char *found = strstr(text, name);
	return found == NULL ? 0 : strtoul(found + strlen(name), NULL, 10);
}

/* The resident set: exact, where statm and ru_maxrss are sums of per-CPU counts that lag behind. */
static inline size_t bench_rss_kib(void) { return bench_proc_number("/proc/self/smaps_rollup", "\nRss:"); }

/*
 * The resident set's peak since the program was executed. ru_maxrss is no such thing: it begins with what the process
 * that called execve had, so a large runner would be the peak of all small programs.
 */
static inline size_t bench_peak_kib(void) { return bench_proc_number("/proc/self/status", "VmHWM:"); }

static inline void bench_report_peak(void)
{
	size_t kib = bench_peak_kib();
	if (kib != 0)
		bench_line("bench: rss_kib %zu\n", kib);
}

#endif
