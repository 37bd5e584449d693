/*
 * giveback.c - the resident set after objects were freed, in MB of 10^6 bytes. No call follows the frees, and nothing
 * waits: what counts is what the frees themselves gave back.
 *
 *      giveback newest     4,000,000 objects of 64 B: live (288 MB with the array of pointers), after the newer 15/16
 *                          are freed (48 MB live with the array), after the rest and the array are
 *      giveback scattered  150,000 x 512 B, 100,000 x 1 KiB, 50,000 x 2 KiB: live, and with 1 in 20, chosen at random,
 *                          kept
 */
#include "../lib/load.h"

enum { NEWEST_OBJECTS = 4000000, NEWEST_BYTES = 64, KEEP_ONE_IN = 20 };

static const struct group {
	size_t objects;
	size_t bytes;
} groups[] = {{150000, 512}, {100000, 1024}, {50000, 2048}};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

static void report_mb(const char *metric) { bench_report(metric, (double)bench_rss_kib() * 1024 / 1e6); }

static void *filled(size_t bytes)
{
	void *block = memset(load_alloc(bytes), 0x5a, bytes);
	tagged_write(block, bytes);
	return block;
}

static void **filled_objects(size_t objects, size_t bytes)
{
	void **all = load_alloc(objects * sizeof *all);
	for (size_t i = 0; i < objects; i++)
		all[i] = filled(bytes);
	return all;
}

static void free_range(void **objects, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		tagged_free(objects[i], NEWEST_BYTES);
}

static void newest(void)
{
	void **objects = filled_objects(NEWEST_OBJECTS, NEWEST_BYTES);
	report_mb("live_mb");
	free_range(objects, NEWEST_OBJECTS / 16, NEWEST_OBJECTS);
	report_mb("newest_freed_mb");
	free_range(objects, 0, NEWEST_OBJECTS / 16);
	free(objects);
	report_mb("all_freed_mb");
}

static void scattered(void)
{
	void **objects[GROUPS];
	uint64_t random = 1;
	for (int g = 0; g < GROUPS; g++)
		objects[g] = filled_objects(groups[g].objects, groups[g].bytes);
	report_mb("live_mb");
	for (int g = 0; g < GROUPS; g++)
		for (size_t i = 0; i < groups[g].objects; i++)
			if (bench_random(&random) % KEEP_ONE_IN != 0)
				tagged_free(objects[g][i], groups[g].bytes);
	report_mb("survivors_mb");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "newest") == 0)
		newest();
	else if (strcmp(what, "scattered") == 0)
		scattered();
	else
		return 2;
	bench_report_peak();
	return 0;
}
