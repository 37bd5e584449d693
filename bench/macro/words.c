/*
 * words.c - a hash map from strings to strings that grows, churns and shrinks, as scripting languages and caches do:
 * each entry is a block, each key and each value one; values are replaced by longer ones, keys removed and added, the
 * table is rehashed into an array of double size. One operation is one change of the map.
 *
 *      words [threads, 1]
 */
#include "../lib/load.h"

enum { KEYS = 250000, CHANGES = 1100000, LONGEST = 120, FIRST_BUCKETS = 64 };

struct entry {
	struct entry *next;
	uint32_t hash;
	uint32_t number;
	char *key;
	char *value;
};

struct map {
	struct entry **buckets;
	size_t size;
	size_t count;
};

static size_t changes, keys;

static void rehash(struct map *map, size_t size)
{
	struct entry **buckets = calloc(size, sizeof *buckets);
	load_check(buckets != NULL, "out of memory");
	for (size_t i = 0; i < map->size; i++)
		for (struct entry *entry = map->buckets[i], *next; entry != NULL; entry = next) {
			next = entry->next;
			entry->next = buckets[entry->hash % size];
			buckets[entry->hash % size] = entry;
		}
	free(map->buckets);
	map->buckets = buckets;
	map->size = size;
}

static uint32_t hash_of(const char *text)
{
	uint32_t hash = 2166136261;
	while (*text != '\0')
		hash = (hash ^ (unsigned char)*text++) * 16777619;
	return hash;
}

static struct entry **find(struct map *map, const char *key, uint32_t hash)
{
	struct entry **place = &map->buckets[hash % map->size];
	while (*place != NULL && ((*place)->hash != hash || strcmp((*place)->key, key) != 0))
		place = &(*place)->next;
	return place;
}

static char *string_new(const char *text)
{
	size_t bytes = strlen(text) + 1;
	return memcpy(load_alloc(bytes), text, bytes);
}

/* The value of a key: its number, then letters, as many as `length` says. */
static char *value_new(uint32_t number, size_t length)
{
	char text[LONGEST + 16];
	int digits = snprintf(text, sizeof text, "%u:", number);
	memset(text + digits, 'a' + (int)(number % 26), length);
	text[(size_t)digits + length] = '\0';
	return string_new(text);
}

static void entry_check(const struct entry *entry)
{
	load_check(strtoul(entry->value, NULL, 10) == entry->number, "a value changed");
	load_check(entry->hash == hash_of(entry->key), "a key changed");
}

static void remove_at(struct map *map, struct entry **place)
{
	struct entry *entry = *place;
	entry_check(entry);
	*place = entry->next;
	free(entry->key);
	free(entry->value);
	free(entry);
	map->count--;
}

static void add_at(struct map *map, struct entry **place, const char *key, uint32_t number, size_t length)
{
	struct entry *entry = load_alloc(sizeof *entry);
	*entry = (struct entry){NULL, hash_of(key), number, string_new(key), value_new(number, length)};
	*place = entry;
	if (++map->count > map->size)
		rehash(map, map->size * 2);
}

static void change(struct map *map, uint64_t *random)
{
	char key[64];
	uint32_t number = (uint32_t)load_below(random, keys);
	uint32_t bits = bench_random(random);
	snprintf(key, sizeof key, "key/%u/%.*s", number, (int)(number % 29), "abcdefghijklmnopqrstuvwxyzabc");
	struct entry **place = find(map, key, hash_of(key));
	size_t length = (bits >> 8) % LONGEST;
	if (*place == NULL) {
		add_at(map, place, key, number, length);
	} else if (bits % 4 == 0) {
		remove_at(map, place);
	} else {
		free((*place)->value);
		(*place)->value = value_new(number, length);
	}
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct map map = {0};
	rehash(&map, FIRST_BUCKETS);
	for (size_t i = 0; i < changes; i++)
		change(&map, &random);
	for (size_t i = 0; i < map.size; i++)
		while (map.buckets[i] != NULL)
			remove_at(&map, &map.buckets[i]);
	load_check(map.count == 0, "entries were lost");
	free(map.buckets);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 1);
	changes = load_work(CHANGES) / (size_t)threads;
	keys = load_work(KEYS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)changes * threads);
	return 0;
}
