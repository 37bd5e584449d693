// What the misuses of freed per-CPU pointers share. Programs that include <libmalloc.h> are linked with the library, so
// the code of the header is in them.
#ifndef MISUSE_PERCPU_H
#define MISUSE_PERCPU_H

#include "misuse.h"

#include <libmalloc.h>

// A per-CPU pointer that was freed. The code in the program has found out before where to add.
static inline void *freed_percpu(void)
{
	int64_t *percpu = (int64_t *)lm_percpu_alloc(64, 64);

	lm_percpu_add(percpu, 1);
	lm_percpu_free(percpu);
	return percpu;
}

// The same; its slots are another's.
static inline void *taken_percpu(void)
{
	char *percpu = (char *)freed_percpu();
	char *next = (char *)lm_percpu_alloc(64, 64);

	if ((uintptr_t)percpu << 16 != (uintptr_t)next << 16 || percpu == next)
		_exit(2);
	return percpu;
}

#endif
