/*
 * giveback.c - the resident set after objects were freed, in MB of 10^6 bytes. No call follows the frees.
 *
 *      giveback newest     4,000,000 objects of 64 B: live (288 MB with the array of pointers), after the newer 15/16
 *                          are freed (48 MB live), after the rest and the array are
 *      giveback scattered  150,000 x 512 B, 100,000 x 1 KiB, 50,000 x 2 KiB: live, and with 1 in 20, chosen at random,
 *                          kept (mimalloc-pprof#334)
 */
#include "figures.h"

enum { NEWEST_OBJECTS = 4000000, NEWEST_BYTES = 64, KEEP_ONE_IN = 20 };

static const struct group {
	size_t objects;
	size_t bytes;
} groups[] = {{150000, 512}, {100000, 1024}, {50000, 2048}};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

static void *filled(size_t bytes) { return memset(allocate(bytes), 0x5a, bytes); }

static void free_range(void **objects, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		free(objects[i]);
}

static void newest(void)
{
	void **objects = allocate(NEWEST_OBJECTS * sizeof *objects);
	for (size_t i = 0; i < NEWEST_OBJECTS; i++)
		objects[i] = filled(NEWEST_BYTES);
	print_rss("live");
	free_range(objects, NEWEST_OBJECTS / 16, NEWEST_OBJECTS);
	print_rss("newest_freed");
	free_range(objects, 0, NEWEST_OBJECTS / 16);
	free(objects);
	print_rss("all_freed");
}

static void **group_alloc(const struct group *group)
{
	void **objects = allocate(group->objects * sizeof *objects);
	for (size_t i = 0; i < group->objects; i++)
		objects[i] = filled(group->bytes);
	return objects;
}

static void scattered(void)
{
	void **objects[GROUPS];
	uint64_t state = 1;
	for (int g = 0; g < GROUPS; g++)
		objects[g] = group_alloc(&groups[g]);
	print_rss("live");
	for (int g = 0; g < GROUPS; g++)
		for (size_t i = 0; i < groups[g].objects; i++)
			if (random_next(&state) % KEEP_ONE_IN != 0)
				free(objects[g][i]);
	print_rss("survivors");
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "newest") == 0)
		newest();
	else if (argc == 2 && strcmp(argv[1], "scattered") == 0)
		scattered();
	else
		return 2;
	return 0;
}
