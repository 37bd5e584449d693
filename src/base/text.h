/*
 * text.h - a text put together in the caller's buffer, as snprintf(3) does it: no stdio, no allocation.
 *
 *      buffer  | N o d e   0 , ... NUL |        what does not fit is counted and left out
 *              0            length     size
 *
 * Invariant, if size > 0: the first min(length, size - 1) bytes of the whole text stand in the buffer. Owner: who began
 * it; no lock.
 */
#ifndef LM_BASE_TEXT_H
#define LM_BASE_TEXT_H

#include "base/compiler.h"

#include <stdarg.h>

struct text {
	char *buffer; /* may be NULL if size is 0 */
	size_t size;
	size_t length; /* of the whole text, without the NUL */
};

static inline struct text text_begin(char *buffer, size_t size) { return (struct text){buffer, size, 0}; }

/* Adds what printf(3) prints. Only %s, %zu and %zx are known, with a width, and '-' before it for "to the left". */
cold void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
cold void text_format_list(struct text *text, const char *format, va_list arguments);

/* Ends the text with a NUL, if size is not 0. Returns the length of the whole text. */
cold size_t text_end(struct text *text);

#endif
