// What the stress programs share: a seeded generator, sizes as programs ask for them, objects whose every byte is
// known, and the end with a message when something is wrong.
//
// An object carries a pattern made of its id and its address over its whole usable size: two objects that overlap,
// a move that loses bytes, a stray write of the allocator's all break it.
#ifndef STRESS_H
#define STRESS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *stress_name = "stress";
static unsigned long stress_seed = 1;

__attribute__((noreturn, format(printf, 1, 2))) static inline void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dprintf(STDOUT_FILENO, "%s failed (seed %lu, process %d): ", stress_name, stress_seed, (int)getpid());
	vdprintf(STDOUT_FILENO, format, args);
	dprintf(STDOUT_FILENO, "\n");
	_exit(1);
}

// Arguments of every program: SCALE (percent of the usual work) and SEED.
static inline long stress_start(const char *name, int argc, char **argv)
{
	long scale = argc > 1 ? atol(argv[1]) : 100;

	stress_name = name;
	if (argc > 2)
		stress_seed = strtoul(argv[2], NULL, 0);
	dprintf(STDOUT_FILENO, "%s: seed %lu, scale %ld %%\n", name, stress_seed, scale);
	return scale;
}

struct random {
	uint64_t state;
};

static inline struct random random_of(uint64_t stream)
{
	return (struct random){ (stress_seed + stream * 1000003) * 0x9e3779b97f4a7c15u | 1 };
}

static inline uint64_t random_next(struct random *random)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return x * 0x2545f4914f6cdd1du;
}

static inline uint64_t random_below(struct random *random, uint64_t limit)
{
	return (random_next(random) >> 11) % limit;
}

// Sizes from 0 to 4 MiB, each power of two as likely as the next within its group: most are small.
static inline size_t random_size(struct random *random)
{
	uint64_t kind = random_below(random, 1000);
	unsigned bits = kind < 880 ? random_below(random, 11) : kind < 990 ? 10 + random_below(random, 7)
								    : 17 + random_below(random, 6);

	return random_next(random) & (((uint64_t)1 << bits) - 1);
}

struct object {
	unsigned char *start;
	size_t size;		// as asked for
	size_t usable;		// as malloc_usable_size said; it must not change
	uint64_t id;
};

enum { WHOLE_BYTES = 32 * 1024, SPARSE_STEP = 1016 };

static inline uint64_t pattern_word(const struct object *object, size_t offset)
{
	return (object->id * 0x9e3779b97f4a7c15u) ^ ((uintptr_t)object->start + offset) * 0xff51afd7ed558ccdu;
}

// Small objects and one large one in eight are written whole; of the others a word in about a kilobyte, and the end.
static inline size_t pattern_step(const struct object *object)
{
	return object->usable <= WHOLE_BYTES || object->id % 8 == 0 ? sizeof(uint64_t) : SPARSE_STEP;
}

// Words are written below this, single bytes from here to the end.
static inline size_t pattern_words_end(const struct object *object)
{
	return object->usable == 0 ? 0 : (object->usable - 1) / 8 * 8;
}

static inline void pattern_write(const struct object *object)
{
	size_t step = pattern_step(object), end = pattern_words_end(object);

	for (size_t at = 0; at < end; at += step) {
		uint64_t word = pattern_word(object, at);

		memcpy(object->start + at, &word, sizeof word);
	}
	for (size_t at = end; at < object->usable; at++)
		object->start[at] = (unsigned char)pattern_word(object, at);
}

__attribute__((noreturn)) static inline void fail_pattern(const struct object *object, size_t at)
{
	fail("object %#lx of %zu bytes (usable %zu) at %p: its contents changed at byte %zu",
	     (unsigned long)object->id, object->size, object->usable, (void *)object->start, at);
}

// Checks the bytes below limit, which were written by the object `written` (before a realloc moved them).
static inline void pattern_check_at(const struct object *written, const unsigned char *start, size_t limit)
{
	size_t step = pattern_step(written), end = pattern_words_end(written);

	for (size_t at = 0; at < end && at + sizeof(uint64_t) <= limit; at += step) {
		uint64_t word = pattern_word(written, at);

		if (memcmp(start + at, &word, sizeof word) != 0)
			fail_pattern(written, at);
	}
	for (size_t at = end; at < written->usable && at < limit; at++)
		if (start[at] != (unsigned char)pattern_word(written, at))
			fail_pattern(written, at);
}

static inline void object_check(const struct object *object)
{
	size_t usable = malloc_usable_size(object->start);

	if (usable != object->usable)
		fail("object %#lx of %zu bytes at %p: usable size was %zu, is %zu", (unsigned long)object->id,
		     object->size, (void *)object->start, object->usable, usable);
	pattern_check_at(object, object->start, object->usable);
}

// Takes a new allocation over: checks alignment and usable size, and writes the pattern.
static inline void object_adopt(struct object *object, void *start, size_t size, size_t align, uint64_t id)
{
	if (start == NULL)
		fail("%zu bytes aligned to %zu refused: errno %d", size, align, errno);
	*object = (struct object){ .start = start, .size = size, .usable = malloc_usable_size(start), .id = id };
	if ((uintptr_t)start % align != 0)
		fail("%p (%zu bytes) is not aligned to %zu", start, size, align);
	if (object->usable < size)
		fail("%p: usable size %zu is less than %zu", start, object->usable, size);
	pattern_write(object);
}

// malloc's own promise: 16, but objects of at most 8 bytes may be aligned to 8.
static inline size_t natural_align(size_t size)
{
	return size <= 8 ? 8 : 16;
}

static inline void object_make(struct object *object, struct random *random, uint64_t id)
{
	size_t size = random_size(random);

	object_adopt(object, malloc(size), size, natural_align(size), id);
}

static inline void object_drop(struct object *object)
{
	if (object->start == NULL)
		return;
	object_check(object);
	free(object->start);
	object->start = NULL;
}

static inline pthread_t thread_start(void *(*body)(void *), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, body, arg);

	if (error != 0)
		fail("pthread_create: %s", strerror(error));
	return thread;
}

// A child is to end with 0; one that hangs is killed by an alarm of its own.
static inline void wait_for(pid_t child, const char *whose)
{
	int status;

	if (child < 0)
		fail("fork: errno %d", errno);
	if (waitpid(child, &status, 0) != child)
		fail("waitpid: errno %d", errno);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		fail("%s hung", whose);
	if (status != 0)
		fail("%s ended with wait status %#x", whose, (unsigned)status);
}

// Resident bytes of this process.
static inline size_t resident_bytes(void)
{
	char text[128] = "";
	FILE *stream = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (stream == NULL || fgets(text, sizeof text, stream) == NULL || sscanf(text, "%*u %lu", &pages) != 1)
		fail("/proc/self/statm");
	fclose(stream);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

#endif
