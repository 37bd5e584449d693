/*
 * text.h - a text put together in the caller's buffer, as snprintf(3) would: no stdio, no allocation.
 *
 *      buffer  | N o d e   0 , ... NUL |        what does not fit is counted and left away
 *              0            length     size
 *
 * Invariant: the first min(length, size - 1) bytes of the whole text stand in the buffer. Owner: who began it; no lock.
 */
#ifndef LM_BASE_TEXT_H
#define LM_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *buffer; /* may be NULL where size is 0 */
	size_t size;
	size_t length; /* of the whole text, without the NUL */
};

static inline struct text text_begin(char *buffer, size_t size) { return (struct text){buffer, size, 0}; }

void text_add(struct text *text, const char *string);

/* The string in a field of `width` columns: blanks before it, or behind it. A longer one takes what it needs. */
void text_add_right(struct text *text, const char *string, size_t width);
void text_add_left(struct text *text, const char *string, size_t width);

/* A number in decimal, in a field of `width` columns (0: as long as it is): "%*zu" and "%-*zu". */
void text_add_number(struct text *text, size_t number, size_t width);
void text_add_number_left(struct text *text, size_t number, size_t width);

/* An address as 0x and lower-case digits; 0 is 0x0. */
void text_add_address(struct text *text, uintptr_t address);

/* Ends the text with a NUL, if there is room for any: its whole length. */
size_t text_end(struct text *text);

#endif
