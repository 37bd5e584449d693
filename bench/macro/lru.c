/*
 * lru.c - a cache with a limit in bytes: keys drawn with a skew, values of 64 bytes to 64 KiB, each half as likely as
 * one of half its size. A miss allocates an entry and its value and drops the least recently used ones until all fit;
 * a hit reads the value, and one in eight writes it anew in another size. Several threads share the cache under one
 * lock, but allocate outside it. One operation is one look-up.
 *
 *      lru [threads, 2]
 */
#include "../lib/load.h"

enum { LIMIT_BYTES = 64 << 20, KEYS = 1 << 17, LOOKUPS = 800000, LEAST_SHIFT = 6, SHIFTS = 10, WRITE_EVERY = 8 };

struct entry {
	struct entry *newer, *older;
	uint32_t key;
	struct tagged value;
};

static struct {
	pthread_mutex_t lock;
	struct entry *of_key[KEYS];
	struct entry ends; /* ends.older is the newest, ends.newer the oldest */
	size_t bytes;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .ends = {&cache.ends, &cache.ends, 0, {NULL, 0}}};

static size_t lookups, limit_bytes;

static struct tagged value_new(uint64_t *random)
{
	uint32_t bits = bench_random(random);
	int shift = LEAST_SHIFT + __builtin_ctz(bits | 1 << (SHIFTS - 1));
	return tagged_new(((size_t)1 << shift) + (bits >> 12) % ((size_t)1 << shift));
}

/* The product of even distributions: low keys are likelier. */
static uint32_t random_key(uint64_t *random) { return (uint32_t)load_below(random, load_below(random, KEYS) + 1); }

static void unlink_entry(struct entry *entry)
{
	entry->newer->older = entry->older;
	entry->older->newer = entry->newer;
}

static void link_newest(struct entry *entry)
{
	entry->newer = &cache.ends;
	entry->older = cache.ends.older;
	entry->older->newer = entry;
	cache.ends.older = entry;
}

/* Takes what is over the limit out of the cache; a list through `newer`. Locked. */
static struct entry *take_oldest(void)
{
	struct entry *taken = NULL;
	while (cache.bytes > limit_bytes) {
		struct entry *oldest = cache.ends.newer;
		unlink_entry(oldest);
		cache.of_key[oldest->key] = NULL;
		cache.bytes -= oldest->value.bytes;
		oldest->newer = taken;
		taken = oldest;
	}
	return taken;
}

static void free_entries(struct entry *entry)
{
	while (entry != NULL) {
		struct entry *next = entry->newer;
		tagged_drop(&entry->value);
		free(entry);
		entry = next;
	}
}

/* Exchanges values under the lock; *value gets the old one. */
static bool hit(uint32_t key, struct tagged *value)
{
	struct entry *entry = cache.of_key[key];
	if (entry == NULL)
		return false;
	tagged_check(entry->value.block, entry->value.bytes);
	unlink_entry(entry);
	link_newest(entry);
	if (value->block != NULL) {
		struct tagged old = entry->value;
		cache.bytes += value->bytes - old.bytes;
		entry->value = *value;
		*value = old;
	}
	return true;
}

static void insert(uint32_t key, struct tagged value)
{
	struct entry *entry = load_alloc(sizeof *entry), *taken = NULL;
	*entry = (struct entry){.key = key, .value = value};
	pthread_mutex_lock(&cache.lock);
	if (cache.of_key[key] == NULL) {
		cache.of_key[key] = entry;
		cache.bytes += value.bytes;
		link_newest(entry);
		taken = take_oldest();
		entry = NULL;
	}
	pthread_mutex_unlock(&cache.lock);
	free_entries(taken);
	if (entry != NULL) {
		entry->newer = NULL;
		free_entries(entry);
	}
}

static void look_up(size_t number, uint64_t *random)
{
	uint32_t key = random_key(random);
	struct tagged value = {NULL, 0};
	if (number % WRITE_EVERY == 0)
		value = value_new(random);
	pthread_mutex_lock(&cache.lock);
	bool found = hit(key, &value);
	struct entry *taken = take_oldest();
	pthread_mutex_unlock(&cache.lock);
	free_entries(taken);
	if (found)
		tagged_drop(&value);
	else
		insert(key, value.block != NULL ? value : value_new(random));
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	for (size_t i = 0; i < lookups; i++)
		look_up(i, &random);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	lookups = load_work(LOOKUPS) * 2 / (size_t)threads;
	limit_bytes = load_work(LIMIT_BYTES);
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	limit_bytes = 0;
	free_entries(take_oldest());
	load_report(begin, (double)lookups * threads);
	return 0;
}
