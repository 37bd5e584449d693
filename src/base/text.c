/* text.c - see text.h. */
#include "base/text.h"

#include <string.h>

enum { DIGITS_MAX = 24 };

static void add_byte(struct text *text, char byte)
{
	if (text->length + 1 < text->size)
		text->buffer[text->length] = byte;
	text->length++;
}

/* A longer string than `width` takes what it needs. */
static void add_field(struct text *text, const char *string, size_t width, bool to_left)
{
	size_t end = text->length + width;
	for (size_t length = strlen(string); !to_left && length < width; length++)
		add_byte(text, ' ');
	while (*string != '\0')
		add_byte(text, *string++);
	while (text->length < end)
		add_byte(text, ' ');
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

void text_format_list(struct text *text, const char *format, va_list arguments)
{
	for (; *format != '\0'; format++) {
		if (*format != '%') {
			add_byte(text, *format);
			continue;
		}
		char digits[DIGITS_MAX];
		size_t width = 0;
		bool to_left = *++format == '-';
		for (format += to_left; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (size_t)(*format - '0');
		if (*format == 's')
			add_field(text, va_arg(arguments, const char *), width, to_left);
		else /* 'z' */
			add_field(text, digits_of(va_arg(arguments, size_t), *++format == 'x' ? 16 : 10, digits), width,
				  to_left);
	}
}

void text_format(struct text *text, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	text_format_list(text, format, arguments);
	va_end(arguments);
}

size_t text_end(struct text *text)
{
	if (text->size > 0)
		text->buffer[text->length < text->size ? text->length : text->size - 1] = '\0';
	return text->length;
}
