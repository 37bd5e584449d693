/*
 * text.c - see text.h.
 */
#include "base/text.h"

enum { DIGITS_MAX = 24 };

static void add_byte(struct text *text, char byte)
{
	if (text->length + 1 < text->size)
		text->buffer[text->length] = byte;
	text->length++;
}

static void add_blanks(struct text *text, size_t count)
{
	while (count-- > 0)
		add_byte(text, ' ');
}

void text_add(struct text *text, const char *string)
{
	while (*string != '\0')
		add_byte(text, *string++);
}

static size_t length_of(const char *string)
{
	size_t length = 0;
	while (string[length] != '\0')
		length++;
	return length;
}

void text_add_right(struct text *text, const char *string, size_t width)
{
	size_t length = length_of(string);
	add_blanks(text, width > length ? width - length : 0);
	text_add(text, string);
}

void text_add_left(struct text *text, const char *string, size_t width)
{
	size_t length = length_of(string);
	text_add(text, string);
	add_blanks(text, width > length ? width - length : 0);
}

/* The number's digits at the end of `digits`. */
static const char *digits_of(size_t number, size_t base, char digits[DIGITS_MAX])
{
	char *at = digits + DIGITS_MAX - 1;
	*at = '\0';
	do {
		*--at = "0123456789abcdef"[number % base];
		number /= base;
	} while (number != 0);
	return at;
}

void text_add_number(struct text *text, size_t number, size_t width)
{
	char digits[DIGITS_MAX];
	text_add_right(text, digits_of(number, 10, digits), width);
}

void text_add_number_left(struct text *text, size_t number, size_t width)
{
	char digits[DIGITS_MAX];
	text_add_left(text, digits_of(number, 10, digits), width);
}

void text_add_address(struct text *text, uintptr_t address)
{
	char digits[DIGITS_MAX];
	text_add(text, "0x");
	text_add(text, digits_of(address, 16, digits));
}

size_t text_end(struct text *text)
{
	if (text->size > 0)
		text->buffer[text->length < text->size ? text->length : text->size - 1] = '\0';
	return text->length;
}
