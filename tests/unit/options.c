/*
 * options.c - libc/options.h: every row of the table in each way of setting it; numbers good and bad; what follows.
 */
#include "unit.h"

#include "base/settings.h"
#include "libc/options.h"
#include "slab/size_class.h"
#include "magazine/thread_cache.h"

#include <ctype.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void read_one(const char *assignment)
{
	char *environment[] = {"PATH=/bin", (char *)assignment, "HOME=/", NULL};
	options_read(environment);
}

/* A good value for a row that is not its default. */
static size_t good_value(const struct option *option) { return option->most == 1 ? !*option_value(option) : 111; }

static void set_by_name(const struct option *option, const char *format, const char *name, size_t value)
{
	char text[200];
	snprintf(text, sizeof(text), format, name, value);
	read_one(text);
	assert_int_equal(*option_value(option), value);
}

static void each_row_is_set_by_each_of_its_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &option_table[i];
		size_t value = good_value(option);
		set_by_name(option, "LIBMALLOC_OPTIONS=%s=%zu", option->name, value);
		if (option->mallopt == 0)
			continue;
		char upper[sizeof(option->name)] = "";
		for (size_t at = 0; option->name[at] != '\0'; at++)
			upper[at] = (char)toupper(option->name[at]);
		set_by_name(option, "MALLOC_%s_=%zu", upper, value + 1);
		set_by_name(option, "GLIBC_TUNABLES=glibc.malloc.check=3:glibc.malloc.%s=%zu:glibc.x=1", option->name, value + 2);
		assert_ptr_equal(option_of_mallopt(option->mallopt), option);
	}
}

static void rows_are_well_formed(void **state)
{
	(void)state;
	assert_true(OPTION_COUNT >= 7);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &option_table[i];
		assert_in_range(strlen(option->name), 1, sizeof(option->name) - 1);
		assert_in_range(strlen(option->meaning), 11, sizeof(option->meaning) - 1);
		assert_in_range(*option_value(option), 0, option->most);
		for (size_t other = 0; other < i; other++) {
			assert_string_not_equal(option->name, option_table[other].name);
			assert_int_not_equal(option->index, option_table[other].index);
		}
	}
	static const int parameters[] = {M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_PERTURB};
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		assert_non_null(option_of_mallopt(parameters[i]));
	assert_null(option_of_mallopt(0));
	assert_null(option_of_mallopt(12345));
	assert_null(option_of_mallopt(M_MXFAST));
}

static void ranges_are_kept(void **state)
{
	(void)state;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &option_table[i];
		size_t before = *option_value(option);
		if (option->most < SIZE_MAX) {
			assert_false(option_set(option, option->most + 1));
			assert_false(option_set(option, SIZE_MAX));
		}
		assert_int_equal(*option_value(option), before);
		assert_true(option_set(option, option->most));
		assert_int_equal(*option_value(option), option->most);
		assert_true(option_set(option, 0));
		assert_int_equal(*option_value(option), 0);
	}
}

struct number {
	const char *text;
	size_t value;
};

static void expect_number(const char *name, const struct number *number)
{
	char text[100];
	settings.top_pad = 77;
	snprintf(text, sizeof(text), "%s=%s", name, number->text);
	read_one(text);
	if (settings.top_pad != number->value)
		fail_msg("%s is read as %zu", text, (size_t)settings.top_pad);
}

static void numbers_are_read_as_strtoul_does(void **state)
{
	(void)state;
	static const struct number good[] = {
		{"0", 0}, {"1", 1}, {"65536", 65536}, {"0x10", 16}, {"0XfF", 255}, {"010", 8}, {"00", 0}, {"-1", SIZE_MAX},
		{"-0x1", SIZE_MAX}, {"18446744073709551615", SIZE_MAX}, {"0xffffffffffffffff", SIZE_MAX},
		{"01777777777777777777777", SIZE_MAX}, {"0xABCDEF", 0xabcdef}, {"+5", 5}, {"+0x10", 16}, {" 7", 7},
		{" \t\n\v\f\r-1", SIZE_MAX}, {"  +010", 8},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		expect_number("LIBMALLOC_OPTIONS=top_pad", &good[i]);
		expect_number("MALLOC_TOP_PAD_", &good[i]);
	}
}

/* Garbage behind a number, blanks before it, a number that does not fit. */
static void glibcs_settings_are_read_as_glibc_does(void **state)
{
	(void)state;
	static const struct number good[] = {
		{"08", 0}, {"019", 1}, {"1k", 1}, {"1 ", 1}, {"12a", 12}, {"1-", 1}, {"18446744073709551616", SIZE_MAX},
		{"99999999999999999999999", SIZE_MAX}, {"-99999999999999999999999", SIZE_MAX}, {"0x10000000000000000", SIZE_MAX},
		{"1,2", 1}, {"1=2", 1}, {"0b1", 0}, {"1.0", 1}, {"1e3", 1}, {" 5", 5}, {"\t -1x", SIZE_MAX}, {" 0x1fg", 31},
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		expect_number("MALLOC_TOP_PAD_", &good[i]);
		expect_number("GLIBC_TUNABLES=glibc.malloc.top_pad", &good[i]);
	}
}

static void expect_none(const char *name, const char *number)
{
	char text[100];
	settings.top_pad = 77;
	snprintf(text, sizeof(text), "%s=%s", name, number);
	read_one(text);
	if (settings.top_pad != 77)
		fail_msg("%s is taken for a number", text);
}

static void what_is_no_number_changes_nothing(void **state)
{
	(void)state;
	static const char *const none[] = {"", "-", "+", " ", "x", "0x", "0xg", "--1", "-+1", "+-1", "0x-1", "\xff", "\b1", ".", "- 1", "+ 1"};
	static const char *const not_all[] = {
		"08", "019", "1k", "1 ", " 1 ", "12a", "1-", "18446744073709551616", "99999999999999999999999",
		"0x10000000000000000", "1=2", "0b1", "1.0", "1e3",
	};
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		expect_none("MALLOC_TOP_PAD_", none[i]);
		expect_none("GLIBC_TUNABLES=glibc.malloc.top_pad", none[i]);
		expect_none("LIBMALLOC_OPTIONS=top_pad", none[i]);
	}
	for (size_t i = 0; i < sizeof(not_all) / sizeof(not_all[0]); i++)
		expect_none("LIBMALLOC_OPTIONS=top_pad", not_all[i]);
}

static void other_names_change_nothing(void **state)
{
	(void)state;
	struct settings before;
	memcpy(&before, &settings, sizeof(before));
	static const char *const others[] = {
		"MALLOC_TOP_PAD=5", "MALLOC_top_pad_=5", "MALLOC_TOP-PAD_=5", "MALLOC_DEEPBIND_=1", "GLIBC_TUNABLES=glibc.malloc.deepbind=1",
		"MALLOC_TOP_PAD__=5", "MALLOC_=5", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX=1", "top_pad=5",
		"GLIBC_TUNABLES=", "GLIBC_TUNABLES=:::", "GLIBC_TUNABLES=glibc.malloc.top_pad", "GLIBC_TUNABLES=top_pad=5",
		"LIBMALLOC_OPTIONS=", "XLIBMALLOC_OPTIONS=top_pad=5",
		"GLIBC_TUNABLES=glibc.malloc.top_padd=5:glibc.malloc.top_pa=5",
	};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		read_one(others[i]);
	options_read(NULL);
	assert_memory_equal(&before, &settings, sizeof(before));
}

static void lists_are_read_to_the_end(void **state)
{
	(void)state;
	read_one("LIBMALLOC_OPTIONS=top_pad=1,trim_threshold=2,mmap_max=3");
	assert_int_equal(settings.top_pad, 1);
	assert_int_equal(settings.trim_threshold, 2);
	assert_int_equal(settings.mmap_max, 3);
	read_one("GLIBC_TUNABLES=glibc.malloc.top_pad=4:bad:glibc.malloc.mmap_max=x:glibc.malloc.trim_threshold=5");
	assert_int_equal(settings.top_pad, 4);
	assert_int_equal(settings.trim_threshold, 5);
	assert_int_equal(settings.mmap_max, 3);
	/* Blanks before a name, items of blanks alone. */
	read_one("LIBMALLOC_OPTIONS= top_pad=8,\t\n trim_threshold=9, ,,  mmap_max= 10,  ");
	assert_int_equal(settings.top_pad, 8);
	assert_int_equal(settings.trim_threshold, 9);
	assert_int_equal(settings.mmap_max, 10);
	/* The last word wins. */
	read_one("LIBMALLOC_OPTIONS=top_pad=6,top_pad=7");
	assert_int_equal(settings.top_pad, 7);
}

static void read_bad_options(void *assignment) { read_one(assignment); }

static void bad_options_of_ours_are_told(void **state)
{
	(void)state;
	char text[600];
	static const struct {
		const char *entry, *why;
	} bad[] = {
		{"nonsense", "must be name=value"}, {"top_pad", "must be name=value"}, {"top_pad=x", "not a number"},
		{"top_pad=", "not a number"}, {"trim_threshold=1M", "not a number"}, {"top_pads=1", "unknown name"},
		{"=1", "unknown name"}, {"TOP_PAD=1", "unknown name"}, {"adaptive_trim=2", "must be 0 to 1"},
		{"mmap_max=2147483648", "must be 0 to 2147483647"}, {"perturb=256", "must be 0 to 255"},
		{"perturb=-1", "must be 0 to 255"}, {"perturb=99999999999999999999", "must be 0 to 255"},
		{"top_pad=0x10000000000000000", "must be 0 to 18446744073709551615"},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char assignment[100], line[200];
		snprintf(assignment, sizeof(assignment), "LIBMALLOC_OPTIONS=%s", bad[i].entry);
		snprintf(line, sizeof(line), "libmalloc: LIBMALLOC_OPTIONS: %s: %s\n", bad[i].entry, bad[i].why);
		assert_int_equal(unit_capture(read_bad_options, assignment, text, sizeof(text)), 0);
		assert_string_equal(text, line);
	}
	/* What could take a terminal over is not shown. */
	assert_int_equal(unit_capture(read_bad_options, "LIBMALLOC_OPTIONS=\033[2J\n=\177\377~", text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: LIBMALLOC_OPTIONS: ?[2J?=??~: unknown name\n");
	/* glibc's are skipped without a word. */
	assert_int_equal(unit_capture(read_bad_options, "MALLOC_TOP_PAD_=x", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(unit_capture(read_bad_options, "GLIBC_TUNABLES=glibc.malloc.top_pad=x:y", text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void what_follows_from_a_value_is_done(void **state)
{
	(void)state;
	assert_int_equal(settings.adaptive_trim, 1);
	assert_true(option_set(option_of_mallopt(M_MMAP_THRESHOLD), 512));
	assert_int_equal(size_class_table[511], size_class_of(511));
	assert_int_equal(size_class_table[512], 0);
	assert_int_equal(settings.adaptive_trim, 1);
	assert_true(option_set(option_of_mallopt(M_TRIM_THRESHOLD), 1));
	assert_int_equal(settings.adaptive_trim, 0);
	settings.adaptive_trim = 1;
	assert_true(option_set(option_of_mallopt(M_TOP_PAD), 1));
	assert_int_equal(settings.adaptive_trim, 0);
	assert_true(option_set(option_of_mallopt(M_PERTURB), 0xa5));
	assert_int_equal(settings.perturb, 0xa5);
	assert_true(thread_cache_disabled);
	assert_true(option_set(option_of_mallopt(M_PERTURB), 0));
	assert_int_equal(settings.perturb, 0);
	assert_false(thread_cache_disabled);
}

static void the_defaults_are_glibcs(void **state)
{
	(void)state;
	assert_int_equal(settings.mmap_threshold, 128 * 1024);
	assert_int_equal(settings.trim_threshold, 128 * 1024);
	assert_int_equal(settings.top_pad, 128 * 1024);
	assert_int_equal(settings.mmap_max, 65536);
	assert_int_equal(settings.perturb, 0);
	assert_int_equal(settings.keep_deepbind, 0);
	/* The meaning of a row names the default in brackets at its end. */
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		char text[50];
		snprintf(text, sizeof(text), "(%zu)", (size_t)*option_value(&option_table[i]));
		const char *end = option_table[i].meaning + strlen(option_table[i].meaning) - strlen(text);
		assert_string_equal(end, text);
	}
}

UNIT_MAIN(UNIT(each_row_is_set_by_each_of_its_names), UNIT(rows_are_well_formed), UNIT(ranges_are_kept),
	  UNIT(numbers_are_read_as_strtoul_does),
	  UNIT(glibcs_settings_are_read_as_glibc_does), UNIT(what_is_no_number_changes_nothing), UNIT(other_names_change_nothing),
	  UNIT(lists_are_read_to_the_end), UNIT(bad_options_of_ours_are_told), UNIT(what_follows_from_a_value_is_done),
	  UNIT(the_defaults_are_glibcs))
