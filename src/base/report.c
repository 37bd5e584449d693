/*
 * report.c - lines to standard error, put together on the stack and written with one system call.
 */
#include "base/report.h"

#include "base/syscall.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { LINE_BYTES = 256, STDERR = 2 };

/* What was begun in a buffer of LINE_BYTES, cut to it, with the newline last. */
static void line_write(struct text *line)
{
	size_t length = line->length < LINE_BYTES - 1 ? line->length : LINE_BYTES - 1;
	line->buffer[length] = '\n';
	syscall3(SYS_write, STDERR, (long)line->buffer, (long)(length + 1));
}

static void add_where(struct text *line, const void *pointer, const char *function)
{
	text_add(line, ": ");
	text_add_address(line, (uintptr_t)pointer);
	text_add(line, " (");
	text_add(line, function);
	text_add(line, ")");
}

_Noreturn void report_bad_pointer(const char *kind, const void *pointer, const char *function)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	text_add(&line, "libmalloc: ");
	text_add(&line, kind);
	add_where(&line, pointer, function);
	line_write(&line);
	abort();
}

_Noreturn void report_damage(const char *kind, long offset, const char *cache, const void *object, const char *function)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	text_add(&line, "libmalloc: ");
	text_add(&line, kind);
	text_add(&line, offset < 0 ? " at offset -" : " at offset ");
	text_add_number(&line, offset < 0 ? 0 - (size_t)offset : (size_t)offset, 0);
	text_add(&line, " of cache ");
	text_add(&line, cache);
	add_where(&line, object, function);
	line_write(&line);
	abort();
}

void report_object(const char *what, const char *cache, const void *object, const char *function)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	text_add(&line, "libmalloc: ");
	text_add(&line, what);
	text_add(&line, " of cache ");
	text_add(&line, cache);
	add_where(&line, object, function);
	line_write(&line);
}

_Noreturn void report_internal(const char *what)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	text_add(&line, "libmalloc: internal error: ");
	text_add(&line, what);
	line_write(&line);
	abort();
}

void report_warning(const char *what, const char *subject)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	text_add(&line, "libmalloc: ");
	text_add(&line, what);
	text_add(&line, ": ");
	text_add(&line, subject);
	line_write(&line);
}
