/* check(condition): if it is false, prints where, and ends the program. For programs in C and in C++. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#define check(condition) \
	((condition) ? (void)0 : (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), exit(1)))

/* Whether all bytes of a block are `value`. */
static inline int filled_with(const void *block, unsigned char value, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)block;
	size_t i;
	for (i = 0; i < size; i++) {
		if (bytes[i] != value)
			return 0;
	}
	return 1;
}

/* Whether an address is a multiple of `align`. */
static inline int aligned_to(const void *address, size_t align)
{
	return ((unsigned long)address & (align - 1)) == 0;
}

#endif
