/*
 * options.c - see options.h. Runs in the constructor: no allocation, no stdio, no locale.
 */
#include "control/options.h"

#include "base/report.h"
#include "base/settings.h"
#include "malloc/perturb.h"
#include "os/brk.h"
#include "slab/size_class.h"

#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

const struct option option_table[] = {
	{"mmap_threshold", "MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold", M_MMAP_THRESHOLD,
	 &settings.mmap_threshold, 0, SIZE_MAX,
	 "bytes; a request of at least this many gets a mapping of its own (131072)"},
	{"trim_threshold", "MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold", M_TRIM_THRESHOLD,
	 &settings.trim_threshold, 0, SIZE_MAX,
	 "bytes; the break is lowered when more than this is free at the top; -1: never (131072)"},
	{"top_pad", "MALLOC_TOP_PAD_", "glibc.malloc.top_pad", M_TOP_PAD, &settings.top_pad, 0, SIZE_MAX,
	 "bytes; kept free when the break is lowered, added when it is raised (131072)"},
	{"mmap_max", "MALLOC_MMAP_MAX_", "glibc.malloc.mmap_max", M_MMAP_MAX, &settings.mmap_max, 0, INT_MAX,
	 "count; at most this many mapped blocks at a time, further ones come from the heap (65536)"},
	{"perturb", "MALLOC_PERTURB_", "glibc.malloc.perturb", M_PERTURB, &settings.perturb, 0, 255,
	 "a byte; freed memory is filled with it, new memory with its complement; 0: neither (0)"},
	{"adaptive_trim", NULL, NULL, 0, &settings.adaptive_trim, 0, 1,
	 "0 or 1; trim and purge loosen while memory is soon bought back; setting trim_threshold or top_pad ends it "
	 "(1)"},
	{"huge_page_threshold", NULL, NULL, 0, &settings.huge_page_threshold, 0, SIZE_MAX,
	 "bytes; a heap of which at least this much is in use grows by huge pages; -1: never (33554432)"},
	{"deepbind", NULL, NULL, 0, &settings.keep_deepbind, 0, 1,
	 "0 or 1; dlopen leaves RTLD_DEEPBIND alone (0)"},
	{"merge_caches", NULL, NULL, 0, &settings.merge_caches, 0, 1,
	 "0 or 1; object caches of one shape share their slabs, and one's objects cannot be told from another's (0)"},
};

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

static void store(_Atomic size_t *setting, size_t value)
{
	atomic_store_explicit(setting, value, memory_order_relaxed);
}

/* What follows from a new value besides the value itself. */
static void apply(const struct option *option, size_t value)
{
	if (option->value == &settings.mmap_threshold)
		size_class_set_threshold(value);
	if (option->value == &settings.trim_threshold || option->value == &settings.top_pad)
		store(&settings.adaptive_trim, 0);
	if (option->value == &settings.keep_deepbind && value != 0)
		os_brk_leave();
	if (option->value == &settings.perturb)
		perturb_apply();
}

bool option_set(const struct option *option, size_t value)
{
	if (value < option->least || value > option->most)
		return false;
	store(option->value, value);
	apply(option, value);
	return true;
}

const struct option *option_of_mallopt(int parameter)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].mallopt == parameter && parameter != 0)
			return &option_table[i];
	return NULL;
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (unsigned)((c | 32) - 'a' + 10);
	return 99;
}

/* How numbers are read: all of the text, or as glibc reads its own settings. */
enum reading { READ_ALL, READ_AS_GLIBC };

static size_t skip_blanks(const char *text, size_t length)
{
	size_t at = 0;
	while (at < length && (text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r')))
		at++;
	return at;
}

/* The base that a number's first digits name; *at goes on behind a prefix. */
static unsigned take_base(const char *text, size_t length, size_t *at)
{
	if (*at + 1 >= length || text[*at] != '0')
		return 10;
	if ((text[*at + 1] | 32) != 'x')
		return 8;
	*at += 2;
	return 16;
}

/*
 * A number as strtoul(3) with base 0 reads it, after blanks and a sign; false when it is none, or does not fit.
 * READ_AS_GLIBC: anything may follow, and a number that does not fit is the largest.
 */
static bool parse_number(const char *text, size_t length, enum reading reading, size_t *value)
{
	size_t at = skip_blanks(text, length);
	bool negative = at < length && text[at] == '-';
	bool fits = true;
	at += negative || (at < length && text[at] == '+');
	unsigned base = take_base(text, length, &at);
	size_t number = 0;
	size_t first = at;
	for (; at < length && digit_value(text[at]) < base; at++)
		fits &= !__builtin_mul_overflow(number, base, &number) &&
			!__builtin_add_overflow(number, digit_value(text[at]), &number);
	*value = !fits ? SIZE_MAX : negative ? 0 - number : number;
	return at > first && (reading == READ_AS_GLIBC || (at == length && fits));
}

static bool same(const char *name, const char *text, size_t length)
{
	return name != NULL && strlen(name) == length && memcmp(name, text, length) == 0;
}

/* Sets what `text` = "name=value" names by the member of struct option at `offset`: false when it names none well. */
static bool assign(const char *text, size_t length, size_t offset)
{
	enum reading reading = offset == offsetof(struct option, name) ? READ_ALL : READ_AS_GLIBC;
	const char *equals = memchr(text, '=', length);
	if (equals == NULL)
		return false;
	size_t name_length = (size_t)(equals - text);
	for (size_t i = 0; i < option_count; i++) {
		const char *name = *(const char *const *)((const char *)&option_table[i] + offset);
		size_t value;
		if (same(name, text, name_length))
			return parse_number(equals + 1, length - name_length - 1, reading, &value) &&
			       option_set(&option_table[i], value);
	}
	return false;
}

enum { SHOWN_BYTES = 64 };

static void complain_of(const char *item, size_t length)
{
	char shown[SHOWN_BYTES];
	length = length < SHOWN_BYTES ? length : SHOWN_BYTES - 1;
	memcpy(shown, item, length);
	shown[length] = '\0';
	report_warning("LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range "
		       "(see libmalloc(3))",
		       shown);
}

/* Each of the assignments that `separator` separates; an empty one is nothing. */
static void assign_list(const char *list, char separator, size_t offset, bool complain)
{
	while (*list != '\0') {
		const char *end = strchr(list, separator);
		size_t length = end == NULL ? strlen(list) : (size_t)(end - list);
		if (length > 0 && !assign(list, length, offset) && complain)
			complain_of(list, length);
		list += length + (end != NULL);
	}
}

static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);
	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

void options_read(char *const *environment)
{
	for (; environment != NULL && *environment != NULL; environment++) {
		const char *tunables = after(*environment, "GLIBC_TUNABLES=");
		const char *options = after(*environment, "LIBMALLOC_OPTIONS=");
		if (tunables != NULL)
			assign_list(tunables, ':', offsetof(struct option, tunable), false);
		else if (options != NULL)
			assign_list(options, ',', offsetof(struct option, name), true);
		else if (after(*environment, "MALLOC_") != NULL)
			assign(*environment, strlen(*environment), offsetof(struct option, variable));
	}
}
