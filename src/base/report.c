/*
 * report.c - lines to standard error, put together on the stack and written with one system call.
 */
#include "base/report.h"

#include "base/syscall.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { LINE_BYTES = 256, STDERR = 2 };

struct line {
	char text[LINE_BYTES];
	size_t length;
};

static void line_add(struct line *line, const char *text)
{
	while (*text != '\0' && line->length < LINE_BYTES - 1)
		line->text[line->length++] = *text++;
}

static void line_add_address(struct line *line, const void *pointer)
{
	char digits[2 + 2 * sizeof(uintptr_t) + 1];
	char *at = digits + sizeof(digits) - 1;
	uintptr_t value = (uintptr_t)pointer;
	*at = '\0';
	do {
		*--at = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value != 0);
	*--at = 'x';
	*--at = '0';
	line_add(line, at);
}

static void line_add_number(struct line *line, long value)
{
	char digits[24];
	char *at = digits + sizeof(digits) - 1;
	unsigned long left = value < 0 ? 0 - (unsigned long)value : (unsigned long)value;
	*at = '\0';
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left != 0);
	if (value < 0)
		*--at = '-';
	line_add(line, at);
}

static void line_write(struct line *line)
{
	line->text[line->length++] = '\n';
	syscall3(SYS_write, STDERR, (long)line->text, (long)line->length);
}

static void line_add_where(struct line *line, const void *pointer, const char *function)
{
	line_add(line, ": ");
	line_add_address(line, pointer);
	line_add(line, " (");
	line_add(line, function);
	line_add(line, ")");
}

_Noreturn void report_bad_pointer(const char *kind, const void *pointer, const char *function)
{
	struct line line = {.length = 0};
	line_add(&line, "libmalloc: ");
	line_add(&line, kind);
	line_add_where(&line, pointer, function);
	line_write(&line);
	abort();
}

_Noreturn void report_damage(const char *kind, long offset, const char *cache, const void *object, const char *function)
{
	struct line line = {.length = 0};
	line_add(&line, "libmalloc: ");
	line_add(&line, kind);
	line_add(&line, " at offset ");
	line_add_number(&line, offset);
	line_add(&line, " of cache ");
	line_add(&line, cache);
	line_add_where(&line, object, function);
	line_write(&line);
	abort();
}

void report_object(const char *what, const char *cache, const void *object, const char *function)
{
	struct line line = {.length = 0};
	line_add(&line, "libmalloc: ");
	line_add(&line, what);
	line_add(&line, " of cache ");
	line_add(&line, cache);
	line_add_where(&line, object, function);
	line_write(&line);
}

_Noreturn void report_internal(const char *what)
{
	struct line line = {.length = 0};
	line_add(&line, "libmalloc: internal error: ");
	line_add(&line, what);
	line_write(&line);
	abort();
}

void report_warning(const char *what, const char *subject)
{
	struct line line = {.length = 0};
	line_add(&line, "libmalloc: ");
	line_add(&line, what);
	line_add(&line, ": ");
	line_add(&line, subject);
	line_write(&line);
}
