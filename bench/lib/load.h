/*
 * load.h - what the larger benchmark programs share beyond bench.h: blocks that carry a tag, threads, the amount of
 * work.
 *
 * A tagged block holds its address and size, mixed, in its first word and a byte of them in its last byte. So each
 * block is touched at both ends, as a program would, and two blocks that overlap, a block that moved without its
 * content or one that was cleared are seen when it is freed: the program then exits with 1.
 */
#ifndef LOAD_H
#define LOAD_H

#include "bench.h"

#include <pthread.h>

enum { LOAD_MAX_THREADS = 256, LOAD_QUICK_PART = 4 };

__attribute__((noreturn, cold)) static inline void load_fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	_exit(1);
}

static inline void load_check(bool good, const char *what)
{
	if (!good)
		load_fail(what);
}

/* malloc that must not fail. */
static inline void *load_alloc(size_t bytes)
{
	void *block = malloc(bytes);
	load_check(block != NULL, "out of memory");
	bench_use(block);
	return block;
}

static inline uint64_t load_tag(const void *block, size_t bytes)
{
	return ((uint64_t)(uintptr_t)block ^ bytes << 48) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline void tagged_write(void *block, size_t bytes)
{
	uint64_t tag = load_tag(block, bytes);
	if (bytes >= sizeof tag)
		memcpy(block, &tag, sizeof tag);
	if (bytes != 0 && bytes != sizeof tag)
		((unsigned char *)block)[bytes - 1] = (unsigned char)(tag >> 56);
}

static inline void tagged_check(const void *block, size_t bytes)
{
	uint64_t tag = load_tag(block, bytes);
	if (bytes >= sizeof tag)
		load_check(memcmp(block, &tag, sizeof tag) == 0, "a block lost its first word");
	if (bytes != 0 && bytes != sizeof tag)
		load_check(((const unsigned char *)block)[bytes - 1] == tag >> 56, "a block lost its last byte");
}

static inline void *tagged_alloc(size_t bytes)
{
	void *block = load_alloc(bytes);
	tagged_write(block, bytes);
	return block;
}

static inline void tagged_free(void *block, size_t bytes)
{
	tagged_check(block, bytes);
	bench_use(block);
	free(block);
}

/* A block and its size, for those who keep them in arrays. */
struct tagged {
	void *block;
	size_t bytes;
};

static inline struct tagged tagged_new(size_t bytes) { return (struct tagged){tagged_alloc(bytes), bytes}; }

static inline void tagged_drop(struct tagged *tagged)
{
	if (tagged->block != NULL)
		tagged_free(tagged->block, tagged->bytes);
	tagged->block = NULL;
}

/* A number below `bound`, from 32 random bits. */
static inline size_t load_below(uint64_t *random, size_t bound)
{
	return (size_t)((uint64_t)bench_random(random) * bound >> 32);
}

/* The seed of thread `index`: the same in each run. */
static inline uint64_t load_seed(int index) { return UINT64_C(88172645463325252) + (uint64_t)index * 7919; }

/* `full` operations, a quarter of them in a quick run. */
static inline size_t load_work(size_t full) { return bench_quick() ? full / LOAD_QUICK_PART : full; }

/* argv[index] as a number, or `otherwise`. */
static inline int load_argument(int argc, char **argv, int index, int otherwise)
{
	int value = index < argc ? atoi(argv[index]) : otherwise;
	load_check(value > 0, "an argument is no positive number");
	return value;
}

static inline pthread_t load_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	load_check(pthread_create(&thread, NULL, body, argument) == 0, "no thread");
	return thread;
}

/* Runs `body` in `count` threads, with the thread's number as argument, and waits for all of them. */
static inline void load_threads(int count, void *(*body)(void *))
{
	pthread_t threads[LOAD_MAX_THREADS];
	load_check(count <= LOAD_MAX_THREADS, "too many threads");
	for (intptr_t i = 0; i < count; i++)
		threads[i] = load_thread(body, (void *)i);
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* The row's time, nanoseconds since `begin_ns` for each of `operations`, and the peak of its resident set. */
static inline void load_report(uint64_t begin_ns, double operations)
{
	bench_report("time_ns", (double)(bench_now_ns() - begin_ns) / operations);
	bench_report_peak();
}

#endif
