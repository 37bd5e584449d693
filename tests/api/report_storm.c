/*
 * report_storm.c - the functions that count, while others work: threads allocate and free, give the heap back, make and
 * destroy object caches, move whole pages, and fork. Whatever they do, the sums hold, no number falls below zero, and
 * none is larger than the heap can have been.
 */
#include "must.h"

#include <libmalloc/cache.h>
#include <libmalloc/page.h>
#include <libmalloc/report.h>

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20000, BLOCKS = 20000, OBJECTS = 3000, TEXT_BYTES = 1 << 17 };

/* More than all of the threads ever have at once. */
#define BOUND ((size_t)4 << 30)

static atomic_bool over;
static struct lm_cache *shared;

/* The heap grows, and all of it is freed. */
static void *grow_and_trim(void *unused)
{
	void **blocks = malloc(BLOCKS * sizeof(*blocks));
	for (size_t round = 0; !over; round++) {
		size_t bytes = round % 3 == 0 ? 1000 : round % 3 == 1 ? 100 : 20000;
		size_t count = bytes == 20000 ? BLOCKS / 20 : BLOCKS;
		for (size_t i = 0; i < count; i++)
			blocks[i] = malloc(bytes);
		for (size_t i = count; i-- > 0;)
			free(blocks[i]);
		malloc_trim(0);
	}
	free(blocks);
	return unused;
}

/* Large blocks and whole pages. */
static void *move_pages(void *unused)
{
	for (size_t i = 0; !over; i++) {
		char *large = malloc(200000 + i % 7 * 1000000);
		char *pages = lm_pages_alloc(i % 9, 0);
		large[0] = pages[0] = 1;
		lm_pages_free(pages, i % 9);
		free(large);
	}
	return unused;
}

/* Objects of a cache that all threads share, and of one that is made and destroyed here. */
static void *make_caches(void *unused)
{
	static void *objects[OBJECTS];
	for (size_t i = 0; !over; i++) {
		struct lm_cache *own = lm_cache_create("own", 100 + i % 5 * 700, 0, LM_CACHE_NO_MERGE, NULL, NULL);
		struct lm_cache *cache = i % 2 == 0 ? own : shared;
		for (size_t o = 0; o < OBJECTS; o++)
			objects[o] = lm_cache_alloc(cache);
		for (size_t o = 0; o < OBJECTS; o++)
			lm_cache_free(cache, objects[o]);
		MUST(lm_cache_destroy(own) == 0);
		lm_cache_shrink(shared);
	}
	return unused;
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* mallinfo */

static void check_mallinfo(void)
{
	struct mallinfo2 now = mallinfo2();
	struct mallinfo narrow = mallinfo();
	MUST(now.uordblks + now.fordblks == now.arena && now.arena < BOUND && now.uordblks < BOUND);
	MUST(now.fsmblks <= now.fordblks && now.keepcost <= now.fordblks);
	MUST((now.smblks == 0) == (now.fsmblks == 0) && (now.hblks == 0) == (now.hblkhd == 0));
	MUST(now.hblkhd < BOUND && now.hblks < 100 && now.ordblks <= now.fordblks);
	MUST(narrow.uordblks + narrow.fordblks == narrow.arena && narrow.uordblks >= 0 && narrow.fordblks >= 0);
}

struct sums {
	size_t count, bytes;
};

/* The value of an attribute in a line; what it adds to the sums, or is to be. */
static size_t attribute(const char *line, const char *name)
{
	const char *at = strstr(line, name);
	MUST(at != NULL);
	size_t value = strtoull(at + strlen(name), NULL, 10);
	MUST(value < BOUND);
	return value;
}

static void read_line(const char *line, struct sums *sizes, struct sums *totals)
{
	bool is_total = strncmp(line, "<total", 6) == 0;
	if (!is_total && line[0] != ' ')
		return;
	size_t count = attribute(line, "count=\"");
	size_t bytes = attribute(line, is_total ? "size=\"" : "total=\"");
	MUST((count == 0) == (bytes == 0));
	bool is_free = strstr(line, "\"fast\"") != NULL || strstr(line, "\"rest\"") != NULL;
	struct sums *sums = is_total ? totals : sizes;
	if (is_total && !is_free)
		return;
	sums->count += count;
	sums->bytes += bytes;
}

/* Each total stands there twice. */
static void check_info(char *text)
{
	struct sums sizes = {0, 0}, totals = {0, 0};
	FILE *stream = fmemopen(text, TEXT_BYTES, "w");
	MUST(stream != NULL && malloc_info(0, stream) == 0 && fclose(stream) == 0);
	MUST(strncmp(text, "<malloc", 7) == 0 && strstr(text, "</malloc>\n") != NULL);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		read_line(line, &sizes, &totals);
	MUST(totals.count == 2 * sizes.count && totals.bytes == 2 * sizes.bytes);
}

static void check_slabinfo(char *text)
{
	MUST(lm_slabinfo(text, TEXT_BYTES) < TEXT_BYTES);
	char *line = strtok(text, "\n");
	for (line = strtok(NULL, "\n"); (line = strtok(NULL, "\n")) != NULL;) {
		unsigned long active, all, per_slab, active_slabs, slabs, avail;
		MUST(sscanf(line, "%*s %lu %lu %*u %lu %*u : tunables %*u %*u %*u : slabdata %lu %lu %lu", &active, &all,
			    &per_slab, &active_slabs, &slabs, &avail) == 6);
		MUST(active <= all && active_slabs <= slabs && slabs < 1000000 && all == slabs * per_slab);
		MUST(avail <= all - active);
	}
}

static size_t number_of(const char *section, const char *name)
{
	const char *at = strstr(section, name);
	MUST(at != NULL);
	size_t number = strtoull(at + strlen(name), NULL, 10);
	MUST(number < BOUND >> 12);
	return number;
}

/* The sums over all zones are the numbers of the first section. */
static void check_zoneinfo(char *text)
{
	size_t managed = 0, rest = 0;
	MUST(lm_zoneinfo(text, TEXT_BYTES) < TEXT_BYTES);
	size_t node = number_of(text, "nr_slab_reclaimable") + number_of(text, "nr_slab_unreclaimable") +
		      number_of(text, "nr_anon_pages");
	for (const char *zone = text; (zone = strstr(zone, "zone ")) != NULL; zone++) {
		size_t pages = number_of(zone, " managed  ");
		managed += pages;
		if (pages > 0)
			rest += number_of(zone, "nr_free_pages") + number_of(zone, "nr_zone_isolated");
	}
	MUST(managed == rest + node);
}

/* While they move, objects in magazines may be taken for live ones. */
static void check_cache_info(void)
{
	struct lm_cache_info info;
	lm_cache_info(shared, &info);
	MUST(info.live_objects <= 2 * OBJECTS && info.empty_slabs <= info.slabs);
	MUST(info.live_objects <= info.slabs * info.slab_objects);
}

static void check_all(char *text)
{
	check_mallinfo();
	check_info(text);
	check_slabinfo(text);
	check_zoneinfo(text);
	check_cache_info();
}

/* The child has what the parent had, and counts it too. */
static void check_in_child(char *text)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		check_all(text);
		free(malloc(1000));
		malloc_trim(0);
		check_all(text);
		_exit(0);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
	void *(*const bodies[])(void *) = {grow_and_trim, grow_and_trim, move_pages, make_caches};
	static char text[TEXT_BYTES];
	pthread_t threads[4];
	shared = lm_cache_create("shared", 160, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	MUST(freopen("/dev/null", "w", stderr) != NULL);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, bodies[i], NULL) == 0);
	for (int round = 0; round < ROUNDS; round++) {
		check_all(text);
		malloc_stats();
		if (round % 200 == 0)
			check_in_child(text);
	}
	over = true;
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	check_all(text);
	return 0;
}
