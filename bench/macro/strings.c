/*
 * strings.c - immutable strings, as a script or a template has them: a text is built by concatenation, each step a new
 * string of which the old one dies; then it is cut into words, each a string, which are sorted, some changed, and
 * joined again. Strings of the last few texts stay in a ring. One operation is one string.
 *
 *      strings [threads, 1]
 */
#include "../lib/load.h"

enum { TEXTS = 18000, WORDS = 60, LONGEST = 14, KEPT = 64 };

static size_t texts;

static char *string_new(const char *from, size_t length)
{
	char *string = load_alloc(length + 1);
	memcpy(string, from, length);
	string[length] = '\0';
	return string;
}

/* The old string dies. */
static char *concatenated(char *old, const char *piece, size_t piece_length)
{
	size_t length = strlen(old);
	char *string = load_alloc(length + piece_length + 1);
	memcpy(string, old, length);
	memcpy(string + length, piece, piece_length);
	string[length + piece_length] = '\0';
	free(old);
	return string;
}

static char *text_new(uint64_t *random)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzetaoinshrdlu";
	char *text = string_new("", 0);
	for (int i = 0; i < WORDS; i++) {
		size_t length = 1 + load_below(random, LONGEST);
		size_t from = load_below(random, sizeof letters - 1 - LONGEST);
		text = concatenated(text, letters + from, length);
		text = concatenated(text, " ", 1);
	}
	return text;
}

static void cut(const char *text, char **words)
{
	for (int i = 0; i < WORDS; i++) {
		size_t length = strcspn(text, " ");
		words[i] = string_new(text, length);
		text += length + 1;
	}
}

static int by_content(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Every other word gets an ending; all words die. */
static char *joined(char **words)
{
	char *text = string_new("", 0);
	for (int i = 0; i < WORDS; i++) {
		if (i % 2 == 0)
			words[i] = concatenated(words[i], "ing", 3);
		text = concatenated(text, words[i], strlen(words[i]));
		free(words[i]);
	}
	return text;
}

/* The order of the letters does not matter. */
static size_t sum_of(const char *text)
{
	size_t sum = 0;
	while (*text != '\0')
		sum += (unsigned char)*text++;
	return sum;
}

/* A text cut, sorted and joined, with what its letters must add up to. */
struct result {
	char *text;
	size_t sum;
};

static struct result result_new(uint64_t *random)
{
	char *words[WORDS];
	char *text = text_new(random);
	size_t sum = sum_of(text) - WORDS * ' ' + WORDS / 2 * sum_of("ing");
	cut(text, words);
	free(text);
	qsort(words, WORDS, sizeof words[0], by_content);
	return (struct result){joined(words), sum};
}

static void result_drop(struct result *result)
{
	load_check(result->text == NULL || sum_of(result->text) == result->sum, "a string changed");
	free(result->text);
	result->text = NULL;
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct result kept[KEPT] = {0};
	for (size_t i = 0; i < texts; i++) {
		struct result result = result_new(&random);
		result_drop(&kept[i % KEPT]);
		kept[i % KEPT] = result;
	}
	for (int i = 0; i < KEPT; i++)
		result_drop(&kept[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	enum { STRINGS_A_TEXT = 1 + 2 * WORDS + WORDS + 1 + WORDS / 2 + WORDS };
	int threads = load_argument(argc, argv, 1, 1);
	texts = load_work(TEXTS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)texts * threads * STRINGS_A_TEXT);
	return 0;
}
