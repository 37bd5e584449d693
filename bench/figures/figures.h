/*
 * figures.h - what the programs of bench/figures share: two clocks, the resident set, one line of output.
 *
 * Nothing here allocates: the allocator under test sees the measured calls alone. Each line of output is
 * "name value", which `run` reads.
 */
#ifndef FIGURES_H
#define FIGURES_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* User and system time of all threads: what other processes on the machine do disturbs it least. */
static inline uint64_t cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

static inline uint64_t wall_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline void print_line(const char *format, ...)
{
	char line[200];
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		_exit(1);
}

static inline void print_ns(const char *name, double ns) { print_line("%s %.3f\n", name, ns); }

/* "Rss:" of smaps_rollup, in bytes: exact, where statm and ru_maxrss are sums of per-CPU counts that lag behind. */
static inline size_t rss_bytes_of(const char *path)
{
	char text[2048];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (length <= 0)
		return 0;
	close(file);
	text[length] = '\0';
	const char *rss = strstr(text, "Rss:");
	return rss == NULL ? 0 : strtoul(rss + 4, NULL, 10) * 1024;
}

static inline void print_rss(const char *name)
{
	print_line("%s %.2f\n", name, (double)rss_bytes_of("/proc/self/smaps_rollup") / 1e6);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static inline uint32_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * UINT64_C(2685821657736338717) >> 32);
}

/* malloc that must not fail. */
static inline void *allocate(size_t bytes)
{
	void *block = malloc(bytes);
	if (block == NULL)
		_exit(2);
	return block;
}

#endif
