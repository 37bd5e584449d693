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
	text_add(&text, "a ");
	text_add_right(&text, "right", 8);
	text_add_right(&text, "longer than it", 3);
	text_add_left(&text, "left", 7);
	text_add(&text, "|");
	text_add_number(&text, 0, 0);
	text_add_number(&text, 123, 6);
	text_add_number(&text, SIZE_MAX, 4);
	text_add_number_left(&text, 42, 5);
	text_add_address(&text, 0);
	text_add_address(&text, UINTPTR_MAX);
	text_add(&text, "\n");
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
		size_t width = random_below(&random, 25);
		struct text text = text_begin(ours, sizeof(ours));
		text_add_number(&text, number, width);
		text_add(&text, "|");
		text_add_number_left(&text, number, width);
		text_add(&text, "|");
		text_add_address(&text, number);
		text_end(&text);
		snprintf(theirs, sizeof(theirs), "%*zu|%-*zu|0x%zx", (int)width, number, (int)width, number, number);
		assert_string_equal(ours, theirs);
	}
}

UNIT_MAIN(UNIT(every_size_of_buffer_is_kept_to), UNIT(numbers_are_printfs))
