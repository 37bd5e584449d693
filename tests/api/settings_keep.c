/*
 * settings_keep.c - M_TRIM_THRESHOLD and M_TOP_PAD say how much free memory the heap keeps: what a setting covers is not
 * faulted in again in each round, and what it does not cover goes back. realloc that halves a block does not copy it.
 */
#include "must.h"

#include <limits.h>
#include <malloc.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20, PAGE = 4096, ROUNDS = 6, HEAP_BYTES = 24 * MIB, UNSET = -2 };

static const size_t sizes[] = {64, 1000, 4000, 10000, 40000, 100000};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

static long faults(void)
{
	struct rusage usage;
	MUST(getrusage(RUSAGE_SELF, &usage) == 0);
	return usage.ru_minflt;
}

static long resident_pages(void)
{
	long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	MUST(file != NULL && fscanf(file, "%ld %ld", &total, &resident) == 2);
	fclose(file);
	return resident;
}

static char *blocks[HEAP_BYTES / 64];

static void build_up_and_free(size_t bytes)
{
	size_t count = HEAP_BYTES / bytes;
	for (size_t i = 0; i < count; i++) {
		blocks[i] = malloc(bytes);
		MUST(blocks[i] != NULL);
		memset(blocks[i], 1, bytes);
	}
	for (size_t i = 0; i < count; i++)
		free(blocks[i]);
}

/* Rounds of one size under the settings. `kept`: pages that at most go back and come again in a round. */
static void rounds(size_t bytes, int threshold, int pad, long kept_least, long kept_most)
{
	MUST(threshold == UNSET || mallopt(M_TRIM_THRESHOLD, threshold) == 1);
	MUST(pad == UNSET || mallopt(M_TOP_PAD, pad) == 1);
	memset(blocks, 0, sizeof blocks);
	long before = resident_pages();
	build_up_and_free(bytes);
	build_up_and_free(bytes);
	long begin = faults();
	for (int i = 0; i < ROUNDS; i++)
		build_up_and_free(bytes);
	long refaulted = (faults() - begin) / ROUNDS;
	long kept = resident_pages() - before;
	long pages = HEAP_BYTES / PAGE;
	if (kept < kept_least || kept > kept_most || (kept_least > pages / 2 && refaulted > pages / 100)) {
		fprintf(stderr, "%zu bytes, threshold %d, pad %d: %ld faults a round, %ld of %ld pages kept, not %ld to %ld\n",
			bytes, threshold, pad, refaulted, kept, pages, kept_least, kept_most);
		exit(1);
	}
}

static void in_child(size_t bytes, int threshold, int pad, long kept_least, long kept_most)
{
	int status = 0;
	pid_t child = fork();
	if (child == 0) {
		rounds(bytes, threshold, pad, kept_least, kept_most);
		_exit(0);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void settings_are_kept(size_t bytes)
{
	long pages = HEAP_BYTES / PAGE;
	in_child(bytes, -1, UNSET, pages * 9 / 10, LONG_MAX);
	in_child(bytes, 1 << 30, UNSET, pages * 9 / 10, LONG_MAX);
	in_child(bytes, 64 * MIB, UNSET, pages * 9 / 10, LONG_MAX);
	in_child(bytes, UNSET, 64 * MIB, pages * 9 / 10, LONG_MAX);
	in_child(bytes, 64 * MIB, 0, pages * 9 / 10, LONG_MAX);
	in_child(bytes, 8 * MIB, UNSET, 0, 8 * MIB / PAGE + pages / 16);
	in_child(bytes, UNSET, 8 * MIB, 0, 8 * MIB / PAGE + pages / 16);
	in_child(bytes, 128 << 10, 0, 0, pages / 8);
	in_child(bytes, 0, 0, 0, pages / 8);
}

/* The content stays, and the block where it is, while it is halved and grows again. */
static void halves_stay(void)
{
	for (size_t bytes = 1100; bytes < 100000; bytes += bytes / 7) {
		char *block = malloc(bytes);
		MUST(block != NULL);
		memset(block, 7, bytes);
		char *half = realloc(block, bytes / 2 + 1);
		MUST(half == block);
		char *again = realloc(half, bytes);
		MUST(again == block && again[0] == 7 && again[bytes / 2] == 7);
		char *eighth = realloc(again, bytes / 8);
		MUST(eighth != NULL && malloc_usable_size(eighth) < bytes / 2 && eighth[bytes / 8 - 1] == 7);
		free(eighth);
	}
}

int main(void)
{
	for (int i = 0; i < SIZES; i++)
		settings_are_kept(sizes[i]);
	halves_stay();
	return 0;
}
