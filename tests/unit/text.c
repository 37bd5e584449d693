/*
 * text.c - base/text.h: texts as snprintf makes them, at every size of the buffer.
 */
#include "unit.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static size_t make(char *buffer, size_t size)
{
	struct text text = text_begin(buffer, size);
	text_format(&text, "a %8s%3s%-7s|", "right", "longer than it", "left");
	text_format(&text, "%zu%6zu%4zu", (size_t)0, (size_t)123, SIZE_MAX);
	text_format(&text, "%-5zu0x%zx0x%zx", (size_t)42, (size_t)0, SIZE_MAX);
	text_format(&text, "\n");
	return text_end(&text);
}

static const char *whole = "a    rightlonger than itleft   |0   1231844674407370955161542   0x00xffffffffffffffff\n";

static void every_size_of_buffer_is_kept_to(void **state)
{
	(void)state;
	char buffer[200];
	size_t length = strlen(whole);
	for (size_t size = 0; size < length + 10; size++) {
		memset(buffer, '#', sizeof(buffer));
		assert_int_equal(make(buffer, size), length);
		size_t written = size == 0 ? 0 : size > length ? length : size - 1;
		assert_memory_equal(buffer, whole, written);
		if (size > 0)
			assert_int_equal(buffer[written], '\0');
		for (size_t i = size == 0 ? 0 : written + 1; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], '#');
	}
	assert_int_equal(make(NULL, 0), length);
}

static void numbers_are_printfs(void **state)
{
	(void)state;
	struct random random = random_start(1);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		char ours[100], theirs[100];
		size_t number = random_next(&random) >> random_below(&random, 64);
		char format[50];
		size_t width = random_below(&random, 25);
		snprintf(format, sizeof(format), "%%%zuzu|%%-%zuzu|0x%%zx|%%%zus", width, width, width);
		struct text text = text_begin(ours, sizeof(ours));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		text_format(&text, format, number, number, number, "text");
		text_end(&text);
		snprintf(theirs, sizeof(theirs), format, number, number, number, "text");
#pragma GCC diagnostic pop
		assert_string_equal(ours, theirs);
	}
}

UNIT_MAIN(UNIT(every_size_of_buffer_is_kept_to), UNIT(numbers_are_printfs))
