/*
 * areas.h - the kernel's areas of this process, in the order of their addresses: the list of mappings, proc(5).
 *
 *      /proc/self/maps:   start-end permissions offset device inode name        a line an area
 *
 * The list is read with system calls into a buffer on the caller's stack: nothing here allocates or locks. Other
 * threads may map and unmap meanwhile: an area is right at the moment when its part of the list is read.
 */
#ifndef LM_OS_AREAS_H
#define LM_OS_AREAS_H

#include "base/compiler.h"

enum { AREAS_READ_BYTES = 4096 }; /* the kernel hands out no more at a time */

/* Owner: the caller's stack. next <= filled <= AREAS_READ_BYTES. */
struct areas {
	long file;
	long filled; /* bytes in the buffer; 0: the list has ended; below 0: the kernel's error */
	long next;   /* byte of the buffer */
	unsigned char buffer[AREAS_READ_BYTES];
};

struct area {
	uint64_t start, end; /* start < end */
	bool is_stack; /* of the first thread */
};

/* Begins at the first area; false if the list cannot be read: no /proc, no free file descriptor, a filter. */
cold bool areas_open(struct areas *areas);

/* The next area; false at the end of the list, or if the kernel refuses to go on. */
cold bool areas_next(struct areas *areas, struct area *area);

cold void areas_close(const struct areas *areas);

/* True if both addresses lie in one area. */
cold bool areas_join(uintptr_t one, uintptr_t other);

#endif
