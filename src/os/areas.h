/*
 * areas.h - the kernel's areas of this process, in the order of their addresses: the list of mappings, proc(5).
 *
 *      /proc/self/maps:   start-end permissions offset device inode name        a line an area
 *
 * It is read with plain system calls into a buffer in the caller's frame: nothing here allocates or locks. Other
 * threads may map and unmap meanwhile: an area is right at the moment when its part of the list is read.
 */
#ifndef LM_OS_AREAS_H
#define LM_OS_AREAS_H

#include <stdbool.h>
#include <stdint.h>

enum { AREAS_READ_BYTES = 4096 }; /* the kernel hands out no more at a time */

struct areas {
	long file;
	long filled; /* bytes in the buffer; 0: the list is over; below 0: the kernel's error */
	long next;
	unsigned char buffer[AREAS_READ_BYTES];
};

struct area {
	uint64_t start, end;
	bool is_stack; /* of the first thread */
};

/* Begins at the first area; false where the list cannot be read: no /proc, no free file descriptor, a filter. */
bool areas_open(struct areas *areas);

/* The next area; false at the end of the list, or where the kernel refuses to go on. */
bool areas_next(struct areas *areas, struct area *area);

void areas_close(const struct areas *areas);

/* True if both addresses lie in one area. */
bool areas_join(uintptr_t one, uintptr_t other);

#endif
