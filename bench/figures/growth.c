/*
 * growth.c - microseconds of CPU time to grow one vector to 64 MiB with realloc, in six ways: the capacity doubles, or
 * grows by half, or by 64 KiB a step; its content is left alone, or is written as the vector grows.
 *
 * Each way runs in a process of its own, chosen by its name, so that none profits from what another left behind.
 */
#include "figures.h"

enum { START_BYTES = 64, STEP_BYTES = 64 << 10, FINAL_BYTES = 64 << 20 };

static size_t doubled(size_t bytes) { return bytes * 2; }
static size_t by_half(size_t bytes) { return bytes + bytes / 2; }
static size_t by_step(size_t bytes) { return bytes + STEP_BYTES; }

static const struct way {
	const char *name;
	size_t (*next)(size_t bytes);
	size_t first;
} ways[] = {{"double", doubled, START_BYTES}, {"half", by_half, START_BYTES}, {"step", by_step, STEP_BYTES}};

static void *grow(const struct way *way, int is_written)
{
	char *vector = NULL;
	size_t old = 0;
	for (size_t bytes = way->first; old < FINAL_BYTES; bytes = way->next(bytes)) {
		if (bytes > FINAL_BYTES)
			bytes = FINAL_BYTES;
		vector = realloc(vector, bytes);
		if (vector == NULL)
			_exit(2);
		if (is_written)
			memset(vector + old, 0x5a, bytes - old);
		old = bytes;
	}
	return vector;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		if (strcmp(argv[1], ways[i].name) != 0)
			continue;
		uint64_t start = cpu_ns();
		void *vector = grow(&ways[i], strcmp(argv[2], "written") == 0);
		print_ns("us", (double)(cpu_ns() - start) / 1e3);
		free(vector);
	}
	return 0;
}
