/*
 * json.c - documents parsed into trees and destroyed: text is made, parsed into values (objects and arrays that grow by
 * realloc, strings and numbers each a block), written out again into a growing buffer, compared, and freed. Some
 * documents stay while later ones come. One operation is one value.
 *
 *      json [threads, 1]
 */
#include "../lib/load.h"

enum { DOCUMENTS = 160, KEPT = 8, DEPTH = 6, WIDTH = 10 };

enum kind { KIND_NUMBER = '0', KIND_STRING = '"', KIND_ARRAY = '[' };

/* A growing text. */
struct text {
	char *start;
	size_t length, capacity;
};

struct value {
	enum kind kind;
	uint32_t number;
	char *string;
	struct value **items;
	size_t count, capacity;
};

static size_t documents;

static void text_add(struct text *text, const char *piece, size_t length)
{
	if (text->length + length > text->capacity) {
		text->capacity = (text->length + length) * 2;
		text->start = realloc(text->start, text->capacity);
		load_check(text->start != NULL, "out of memory");
	}
	memcpy(text->start + text->length, piece, length);
	text->length += length;
}

static void text_add_number(struct text *text, uint32_t number)
{
	char digits[16];
	text_add(text, digits, (size_t)snprintf(digits, sizeof digits, "%u", number));
}

static void generate(struct text *text, uint64_t *random, int depth)
{
	static const char letters[] = "the quick brown fox jumps over the lazy dog and runs away from it all day";
	uint32_t bits = bench_random(random);
	if (depth == 0 || bits % 4 == 0) {
		if (bits & 16) {
			text_add_number(text, bits);
		} else {
			text_add(text, "\"", 1);
			text_add(text, letters, (bits >> 8) % (sizeof letters - 1));
			text_add(text, "\"", 1);
		}
		return;
	}
	text_add(text, "[", 1);
	for (size_t i = (bits >> 8) % WIDTH; i > 0; i--) {
		generate(text, random, depth - 1);
		if (i > 1)
			text_add(text, ",", 1);
	}
	text_add(text, "]", 1);
}

static void items_add(struct value *array, struct value *item)
{
	if (array->count == array->capacity) {
		array->capacity = array->capacity == 0 ? 2 : array->capacity * 2;
		array->items = realloc(array->items, array->capacity * sizeof *array->items);
		load_check(array->items != NULL, "out of memory");
	}
	array->items[array->count++] = item;
}

static const char *parse_string(struct value *value, const char *at)
{
	const char *end = strchr(at, '"');
	size_t length = (size_t)(end - at);
	value->string = memcpy(load_alloc(length + 1), at, length);
	value->string[length] = '\0';
	return end + 1;
}

static struct value *parse(const char **at)
{
	struct value *value = calloc(1, sizeof *value);
	load_check(value != NULL, "out of memory");
	if (**at == '"') {
		value->kind = KIND_STRING;
		*at = parse_string(value, *at + 1);
	} else if (**at == '[') {
		value->kind = KIND_ARRAY;
		for ((*at)++; **at != ']'; *at += **at == ',')
			items_add(value, parse(at));
		(*at)++;
	} else {
		char *end;
		value->kind = KIND_NUMBER;
		value->number = (uint32_t)strtoul(*at, &end, 10);
		*at = end;
	}
	return value;
}

static size_t write_value(struct text *text, const struct value *value)
{
	size_t values = 1;
	if (value->kind == KIND_NUMBER) {
		text_add_number(text, value->number);
	} else if (value->kind == KIND_STRING) {
		text_add(text, "\"", 1);
		text_add(text, value->string, strlen(value->string));
		text_add(text, "\"", 1);
	} else {
		text_add(text, "[", 1);
		for (size_t i = 0; i < value->count; i++) {
			values += write_value(text, value->items[i]);
			if (i + 1 < value->count)
				text_add(text, ",", 1);
		}
		text_add(text, "]", 1);
	}
	return values;
}

static void value_free(struct value *value)
{
	for (size_t i = 0; i < value->count; i++)
		value_free(value->items[i]);
	free(value->items);
	free(value->string);
	free(value);
}

/* A document is an array of some deep values. */
static void generate_document(struct text *text, uint64_t *random)
{
	text_add(text, "[1", 2);
	for (int i = 0; i < WIDTH; i++) {
		text_add(text, ",", 1);
		generate(text, random, DEPTH);
	}
	text_add(text, "]", 2);
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct value *kept[KEPT] = {0};
	size_t values = 0;
	for (size_t i = 0; i < documents; i++) {
		struct text source = {0}, again = {0};
		generate_document(&source, &random);
		const char *at = source.start;
		struct value *document = parse(&at);
		values += write_value(&again, document);
		load_check(again.length + 1 == source.length && memcmp(again.start, source.start, again.length) == 0,
			"a document changed");
		free(source.start);
		free(again.start);
		if (kept[i % KEPT] != NULL)
			value_free(kept[i % KEPT]);
		kept[i % KEPT] = document;
	}
	for (int i = 0; i < KEPT; i++)
		if (kept[i] != NULL)
			value_free(kept[i]);
	return (void *)values;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 1);
	pthread_t all[LOAD_MAX_THREADS];
	size_t values = 0;
	documents = load_work(DOCUMENTS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	for (intptr_t i = 0; i < threads; i++)
		all[i] = load_thread(work, (void *)i);
	for (int i = 0; i < threads; i++) {
		void *count;
		pthread_join(all[i], &count);
		values += (size_t)count;
	}
	load_report(begin, (double)values);
	return 0;
}
