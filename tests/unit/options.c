/*
 * options.c - control/options.h: every row of the table in each way of setting it; numbers good and bad; what follows.
 */
#include "unit.h"

#include "base/settings.h"
#include "control/options.h"
#include "slab/size_class.h"
#include "slab/thread_cache.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static void read_one(const char *assignment)
{
	char *environment[] = {"PATH=/bin", (char *)assignment, "HOME=/", NULL};
	options_read(environment);
}

/* A good value for a row that is not its default. */
static size_t good_value(const struct option *option) { return option->most == 1 ? !*option->value : 111; }

static void set_by_name(const struct option *option, const char *format, const char *name, size_t value)
{
	char text[200];
	snprintf(text, sizeof(text), format, name, value);
	read_one(text);
	assert_int_equal(*option->value, value);
}

static void each_row_is_set_by_each_of_its_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		size_t value = good_value(option);
		set_by_name(option, "LIBMALLOC_OPTIONS=%s=%zu", option->name, value);
		if (option->variable != NULL)
			set_by_name(option, "%s=%zu", option->variable, value + 1);
		if (option->tunable != NULL)
			set_by_name(option, "GLIBC_TUNABLES=glibc.malloc.check=3:%s=%zu:glibc.x=1", option->tunable, value + 2);
		if (option->mallopt != 0)
			assert_ptr_equal(option_of_mallopt(option->mallopt), option);
	}
}

static void rows_are_well_formed(void **state)
{
	(void)state;
	assert_true(option_count >= 7);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		assert_true(option->name != NULL && option->value != NULL && strlen(option->meaning) > 10);
		assert_in_range(*option->value, option->least, option->most);
		for (size_t other = 0; other < i; other++) {
			assert_string_not_equal(option->name, option_table[other].name);
			assert_ptr_not_equal(option->value, option_table[other].value);
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
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		size_t before = *option->value;
		if (option->most < SIZE_MAX) {
			assert_false(option_set(option, option->most + 1));
			assert_false(option_set(option, SIZE_MAX));
		}
		if (option->least > 0)
			assert_false(option_set(option, option->least - 1));
		assert_int_equal(*option->value, before);
		assert_true(option_set(option, option->most));
		assert_int_equal(*option->value, option->most);
		assert_true(option_set(option, option->least));
		assert_int_equal(*option->value, option->least);
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
		"MALLOC_TOP_PAD=5", "MALLOC_TOP_PAD__=5", "MALLOC_=5", "MALLOC_TOP_PAD_", "MALLOC_ARENA_MAX=1", "top_pad=5",
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
	/* The last word wins. */
	read_one("LIBMALLOC_OPTIONS=top_pad=6,top_pad=7");
	assert_int_equal(settings.top_pad, 7);
}

static void read_bad_options(void *assignment) { read_one(assignment); }

static void bad_options_of_ours_are_told(void **state)
{
	(void)state;
	char text[600];
	static const char *const bad[] = {"LIBMALLOC_OPTIONS=nonsense", "LIBMALLOC_OPTIONS=top_pad=x", "LIBMALLOC_OPTIONS=adaptive_trim=2",
					  "LIBMALLOC_OPTIONS=top_pads=1", "LIBMALLOC_OPTIONS=mmap_max=2147483648",
					  "LIBMALLOC_OPTIONS=perturb=256"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(unit_capture(read_bad_options, (void *)bad[i], text, sizeof(text)), 0);
		assert_ptr_equal(strstr(text, "libmalloc: LIBMALLOC_OPTIONS: "), text);
		assert_non_null(strstr(text, strchr(bad[i], '=') + 1));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	}
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
	for (size_t i = 0; i < option_count; i++) {
		char text[50];
		snprintf(text, sizeof(text), "(%zu)", (size_t)*option_table[i].value);
		const char *end = option_table[i].meaning + strlen(option_table[i].meaning) - strlen(text);
		assert_string_equal(end, text);
	}
}

UNIT_MAIN(UNIT(each_row_is_set_by_each_of_its_names), UNIT(rows_are_well_formed), UNIT(ranges_are_kept),
	  UNIT(numbers_are_read_as_strtoul_does),
	  UNIT(glibcs_settings_are_read_as_glibc_does), UNIT(what_is_no_number_changes_nothing), UNIT(other_names_change_nothing),
	  UNIT(lists_are_read_to_the_end), UNIT(bad_options_of_ours_are_told), UNIT(what_follows_from_a_value_is_done),
	  UNIT(the_defaults_are_glibcs))
