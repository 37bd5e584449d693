/*
 * report.c - os/report.h: the lines on standard error, byte for byte.
 */
#include "unit.h"

#include "os/report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

struct bad {
	const char *kind;
	uintptr_t address;
	const char *function;
	const char *line;
};

static void say_bad_pointer(void *argument)
{
	const struct bad *bad = argument;
	report_bad_pointer(bad->kind, (const void *)bad->address, bad->function);
}

static void bad_pointers_are_one_line(void **state)
{
	(void)state;
	static const struct bad cases[] = {
		{REPORT_DOUBLE_FREE, 0, "free", "libmalloc: double free: 0x0 (free)"},
		{REPORT_INTERIOR, 1, "realloc", "libmalloc: interior pointer: 0x1 (realloc)"},
		{REPORT_MISALIGNED, 0x7f0123456789, "cfree", "libmalloc: misaligned pointer: 0x7f0123456789 (cfree)"},
		{REPORT_NEVER_ALLOCATED, UINTPTR_MAX, "operator delete",
		 "libmalloc: pointer never allocated: 0xffffffffffffffff (operator delete)"},
		{REPORT_STACK, 0xabcdef0, "free_sized", "libmalloc: pointer into the stack: 0xabcdef0 (free_sized)"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		unit_expect_abort(say_bad_pointer, (void *)&cases[i], cases[i].line);
}

struct damage {
	const char *kind;
	long offset;
	const char *line;
};

static void say_damage(void *argument)
{
	const struct damage *damage = argument;
	report_damage(damage->kind, damage->offset, "widget", (const void *)0x7f0123456780, "lm_cache_free");
}

static void damage_is_one_line(void **state)
{
	(void)state;
	static const struct damage cases[] = {
		{REPORT_RED_ZONE, 64,
		 "libmalloc: red zone overwritten at offset 64 of cache widget: 0x7f0123456780 (lm_cache_free)"},
		{REPORT_RED_ZONE, -1,
		 "libmalloc: red zone overwritten at offset -1 of cache widget: 0x7f0123456780 (lm_cache_free)"},
		{REPORT_WRITTEN_FREE, 0,
		 "libmalloc: freed object written to at offset 0 of cache widget: 0x7f0123456780 (lm_cache_free)"},
		{REPORT_RED_ZONE, -9223372036854775807L - 1,
		 "libmalloc: red zone overwritten at offset -9223372036854775808 of cache widget: 0x7f0123456780 "
		 "(lm_cache_free)"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		unit_expect_abort(say_damage, (void *)&cases[i], cases[i].line);
}

static void say_object(void *cache) { report_warning("live object of cache %s: 0x%zx", (char *)cache, (size_t)16); }

static void objects_do_not_stop(void **state)
{
	(void)state;
	char text[600];
	assert_int_equal(unit_capture(say_object, "widget", text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: live object of cache widget: 0x10\n");
}

static void say_internal(void *what) { report_internal(what); }

static void internal_errors_are_one_line(void **state)
{
	(void)state;
	unit_expect_abort(say_internal, "the sums differ", "libmalloc: internal error: the sums differ");
}

static void say_warning(void *subject) { report_warning("no such option: %s", (char *)subject); }

static void warnings_do_not_stop(void **state)
{
	(void)state;
	char text[600];
	assert_int_equal(unit_capture(say_warning, "xyz=1", text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: no such option: xyz=1\n");
	assert_int_equal(unit_capture(say_warning, "", text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: no such option: \n");
}

/* 256 bytes at most, newline included, and no more is touched (the sanitizer would tell). */
static void long_texts_are_cut(void **state)
{
	(void)state;
	static char subject[1000];
	char text[600];
	const char *front = "libmalloc: no such option: ";
	for (size_t length = 200; length < 300; length++) {
		memset(subject, 'x', length);
		assert_int_equal(unit_capture(say_warning, subject, text, sizeof(text)), 0);
		size_t written = strlen(front) + length + 1;
		assert_int_equal(strlen(text), written < 256 ? written : 256);
		assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
		assert_int_equal(strncmp(text, front, strlen(front)), 0);
		assert_int_equal(strspn(text + strlen(front), "x"), strlen(text) - strlen(front) - 1);
	}
}

UNIT_MAIN(UNIT(damage_is_one_line), UNIT(objects_do_not_stop), UNIT(bad_pointers_are_one_line), UNIT(internal_errors_are_one_line), UNIT(warnings_do_not_stop),
	  UNIT(long_texts_are_cut))
