/* options.c - see options.h. Runs in the constructor: no allocation, no stdio, no locale. */
#include "libc/options.h"

#include "base/bits.h"
#include "heap/perturb.h"
#include "os/brk.h"
#include "os/report.h"
#include "slab/size_class.h"

#include <limits.h>
#include <malloc.h>
#include <string.h>

#define OPTION(name, value, mallopt, most, meaning) \
	{name, meaning, mallopt, offsetof(struct settings, value) / sizeof(size_t), most}

const struct option option_table[OPTION_COUNT] = {
	OPTION("mmap_threshold", mmap_threshold, M_MMAP_THRESHOLD, SIZE_MAX,
	       "bytes; a request of at least this many gets a mapping of its own (131072)"),
	OPTION("trim_threshold", trim_threshold, M_TRIM_THRESHOLD, SIZE_MAX,
	       "bytes; free memory of the heap goes back, and the break, its end, is lowered, when more than this is "
	       "free; -1: never (131072)"),
	OPTION("top_pad", top_pad, M_TOP_PAD, SIZE_MAX,
	       "bytes; this much stays free when the break is lowered or free memory goes back, and is added when the "
	       "break is raised (131072)"),
	OPTION("mmap_max", mmap_max, M_MMAP_MAX, INT_MAX,
	       "count; at most this many blocks have a mapping of their own; others come from the heap (65536)"),
	OPTION("perturb", perturb, M_PERTURB, 255,
	       "a byte; freed memory is filled with this byte, new memory with its complement; 0: no filling (0)"),
	OPTION("adaptive_trim", adaptive_trim, 0, 1,
	       "0 or 1; the library keeps more free memory if the program soon needs it again; setting trim_threshold "
	       "or top_pad turns this off (1)"),
	OPTION("huge_page_threshold", huge_page_threshold, 0, SIZE_MAX,
	       "bytes; a heap with at least this much in use grows by huge pages; -1: never (33554432)"),
	OPTION("deepbind", keep_deepbind, 0, 1, "0 or 1; dlopen obeys RTLD_DEEPBIND (0)"),
	OPTION("merge_caches", merge_caches, 0, 1,
	       "0 or 1; object caches of the same stride and alignment share slabs; the library cannot tell their "
	       "objects apart (0)"),
};

bool option_set(const struct option *option, size_t value)
{
	_Atomic size_t *setting = option_value(option);
	if (value > option->most)
		return false;
	store_relaxed(setting, value);
	if (setting == &settings.mmap_threshold)
		size_class_set_threshold(value);
	if (setting == &settings.trim_threshold || setting == &settings.top_pad)
		store_relaxed(&settings.adaptive_trim, 0);
	if (setting == &settings.keep_deepbind && value != 0)
		os_brk_leave();
	if (setting == &settings.perturb)
		perturb_apply();
	return true;
}

const struct option *option_of_mallopt(int parameter)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (option_table[i].mallopt == parameter && parameter != 0)
			return &option_table[i];
	return NULL;
}

/* The ways in which the environment names an option. */
enum syntax { PLAIN_NAME, TUNABLE, VARIABLE };
static const char name_prefix[][14] = {[PLAIN_NAME] = "", [TUNABLE] = "glibc.malloc.", [VARIABLE] = "MALLOC_"};

/* The text behind a prefix; NULL if it does not begin with that. Most differ in the first byte. */
static const char *behind(const char *text, const char *prefix)
{
	for (; *prefix != '\0'; prefix++)
		if (*text++ != *prefix)
			return NULL;
	return text;
}

/* Where the number begins in an item "name=number", or NULL: the item names another option. */
static const char *number_of(const struct option *option, const char *item, enum syntax syntax)
{
	const char *at = behind(item, name_prefix[syntax]);
	char case_bit = syntax == VARIABLE ? 'a' - 'A' : 0; /* '_' does not have it */
	if (at == NULL || (syntax != PLAIN_NAME && option->mallopt == 0))
		return NULL;
	for (const char *name = option->name; *name != '\0'; name++)
		if (*at++ != (*name & ~case_bit))
			return NULL;
	return behind(at, syntax == VARIABLE ? "_=" : "=");
}

static unsigned digit_value(unsigned char c)
{
	unsigned digit = c - (unsigned)'0', letter = (c | 0x20u) - 'a';
	return digit <= 9 ? digit : letter < 6 ? letter + 10 : UINT_MAX;
}

/* What is wrong with an item. */
enum fault { NO_FAULT, NO_ASSIGNMENT, UNKNOWN_NAME, NO_NUMBER, OUT_OF_RANGE };

/* What became of an item. A value of its caller. */
struct outcome {
	enum fault fault;
	size_t most; /* the largest value of the option, if the item names one */
};

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/*
 * A number as strtoul(3) with base 0 reads it, after blanks and a sign; it must reach to `end`, and fit. glibc's own
 * settings are read as glibc reads them: anything may follow the number, and one that does not fit is the largest.
 */
static enum fault parse_number(const char *text, const char *end, enum syntax syntax, size_t *value)
{
	while (is_blank(*text))
		text++;
	bool is_negative = *text == '-';
	text += is_negative || *text == '+';
	unsigned base = *text != '0' ? 10 : (text[1] | 0x20) == 'x' ? 16 : 8;
	text += base == 16 ? 2 : 0;
	const char *first = text;
	size_t number = 0;
	bool fits = true;
	for (; digit_value((unsigned char)*text) < base; text++)
		fits &= !__builtin_mul_overflow(number, base, &number) &&
			!__builtin_add_overflow(number, digit_value((unsigned char)*text), &number);
	*value = !fits ? SIZE_MAX : is_negative ? 0 - number : number;
	if (text == first || (syntax == PLAIN_NAME && text != end))
		return NO_NUMBER;
	return fits || syntax != PLAIN_NAME ? NO_FAULT : OUT_OF_RANGE;
}

/* Sets the option that the item [item, end) names. */
static struct outcome assign(const char *item, const char *end, enum syntax syntax)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &option_table[i];
		const char *number = number_of(option, item, syntax);
		size_t value;
		if (number == NULL)
			continue;
		enum fault fault = parse_number(number, end, syntax, &value);
		if (fault == NO_FAULT && !option_set(option, value))
			fault = OUT_OF_RANGE;
		return (struct outcome){fault, option->most};
	}
	bool has_value = syntax != PLAIN_NAME || memchr(item, '=', (size_t)(end - item)) != NULL;
	return (struct outcome){has_value ? UNKNOWN_NAME : NO_ASSIGNMENT, 0};
}

enum { SHOWN_BYTES = 64 };

/* Control characters would take the terminal over; bytes that are not ASCII may be half a character. */
static void show_item(const char *item, size_t length, char shown[SHOWN_BYTES])
{
	length = size_min(length, SHOWN_BYTES - 1);
	for (size_t i = 0; i < length; i++)
		shown[i] = item[i] >= ' ' && item[i] <= '~' ? item[i] : '?';
	shown[length] = '\0';
}

static const char *sentence_of(enum fault fault)
{
	return fault == NO_NUMBER ? "not a number" : fault == UNKNOWN_NAME ? "unknown name" : "must be name=value";
}

static cold void report_item(const char *item, size_t length, struct outcome outcome)
{
	char shown[SHOWN_BYTES];
	show_item(item, length, shown);
	if (outcome.fault == OUT_OF_RANGE)
		report_warning("LIBMALLOC_OPTIONS: %s: must be 0 to %zu", shown, outcome.most);
	else
		report_warning("LIBMALLOC_OPTIONS: %s: %s", shown, sentence_of(outcome.fault));
}

/* The end of the item that begins here. */
static const char *item_end(const char *item, char separator)
{
	while (*item != '\0' && *item != separator)
		item++;
	return item;
}

/* Assigns each item of LIBMALLOC_OPTIONS, after blanks; an empty item is skipped. */
static void assign_options(const char *list)
{
	for (const char *end; *list != '\0'; list = end + (*end != '\0')) {
		while (is_blank(*list))
			list++;
		end = item_end(list, ',');
		if (end == list)
			continue;
		struct outcome outcome = assign(list, end, PLAIN_NAME);
		if (outcome.fault != NO_FAULT)
			report_item(list, (size_t)(end - list), outcome);
	}
}

/* Assigns each item of GLIBC_TUNABLES. */
static void assign_tunables(const char *list)
{
	for (const char *end; *list != '\0'; list = end + (*end != '\0')) {
		end = item_end(list, ':');
		assign(list, end, TUNABLE);
	}
}

static void read_variable(const char *variable)
{
	const char *tunables = behind(variable, "GLIBC_TUNABLES=");
	const char *options = behind(variable, "LIBMALLOC_OPTIONS=");
	if (tunables != NULL)
		assign_tunables(tunables);
	else if (options != NULL)
		assign_options(options);
	else
		assign(variable, NULL, VARIABLE);
}

/* Most variables differ in the first byte: then no constant is read, whose page would cost a page fault. */
void options_read(char *const *environment)
{
	for (; environment != NULL && *environment != NULL; environment++)
		if (**environment == 'G' || **environment == 'L' || **environment == 'M')
			read_variable(*environment);
}
