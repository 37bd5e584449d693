/* libc_chunk.h - libc's own allocator is in use, and memory is written so that it looks like chunks of that. */
#ifndef LIBC_CHUNK_H
#define LIBC_CHUNK_H
#include "misuse.h"

/* What stands before a block of libc's and behind it: sizes, and that the chunk before is in use. */
static inline char *like_libcs(char *p)
{
	size_t *words = (size_t *)(void *)p;

	words[-1] = words[1023] = 8192 | 1;
	return p;
}

static inline void use_libcs_malloc(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	void *(*libc_malloc)(size_t) = (void *(*)(size_t))dlsym(libc, "malloc");

	free(libc_malloc(100));
}

#endif
