/*
 * growth.c - one vector that grows by realloc: to 64 MiB by eight bytes at a time, by an eighth, or to the double; or,
 * as a string does that is built letter by letter, to 1 KiB by eight bytes. "written" writes what each step adds, so it
 * measures page faults and copies too; in the others only the first byte of each step is. One operation is one
 * vector, from nothing to its full size and freed.
 */
#include "bodies.h"

enum { FIRST = 64, FULL = 64 << 20, STRING = 1024, STRINGS = 100 };

struct growth {
	size_t (*next)(size_t bytes);
	size_t full;
	bool written;
	size_t batch;
};

static size_t by_eight(size_t bytes) { return bytes + 8; }
static size_t by_eighth(size_t bytes) { return bytes + bytes / 8; }
static size_t doubled(size_t bytes) { return bytes * 2; }

/* Returns the number of reallocs. */
static size_t grow(const struct growth *growth)
{
	char *vector = NULL;
	size_t steps = 0;
	for (size_t old = 0, bytes = FIRST; old < growth->full; bytes = growth->next(bytes)) {
		if (bytes > growth->full)
			bytes = growth->full;
		vector = realloc(vector, bytes);
		load_check(vector != NULL, "out of memory");
		memset(vector + old, 0x5a, growth->written ? bytes - old : 1);
		bench_use(vector);
		old = bytes;
		steps++;
	}
	load_check(vector[0] == 0x5a, "realloc lost the content");
	free(vector);
	return steps;
}

enum { EIGHT, EIGHTH, DOUBLE, EIGHTH_WRITTEN, DOUBLE_WRITTEN, STRING_EIGHT };

static const struct growth ways[] = {
	[EIGHT] = {by_eight, FULL, false, 1},
	[EIGHTH] = {by_eighth, FULL, false, 1},
	[DOUBLE] = {doubled, FULL, false, 1},
	[EIGHTH_WRITTEN] = {by_eighth, FULL, true, 1},
	[DOUBLE_WRITTEN] = {doubled, FULL, true, 1},
	[STRING_EIGHT] = {by_eight, STRING, true, STRINGS},
};

static void growth(struct bench_state *state, size_t way)
{
	size_t steps = 0;
	while (bench_next(state, ways[way].batch))
		for (size_t i = 0; i < ways[way].batch; i++)
			steps = grow(&ways[way]);
	bench_counter(state, "steps", (double)steps);
}

void register_growth(void)
{
	bench_register("growth/8_bytes", growth, EIGHT);
	bench_register("growth/eighth", growth, EIGHTH);
	bench_register("growth/double", growth, DOUBLE);
	bench_register("growth/eighth_written", growth, EIGHTH_WRITTEN);
	bench_register("growth/double_written", growth, DOUBLE_WRITTEN);
	bench_register("growth/string", growth, STRING_EIGHT);
}
