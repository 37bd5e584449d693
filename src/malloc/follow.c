/*
 * follow.c - see follow.h.
 */
#include "malloc/follow.h"

#include "base/compiler.h"
#include "malloc/heap.h"

#include <stdbool.h>
#include <stdint.h>

/* The symbol as the process resolves it against the one that is surely ours. */
static bool malloc_is_ours(void)
{
	extern void *__libc_malloc(size_t bytes) __attribute__((visibility("default")));
	return (uintptr_t)malloc == (uintptr_t)__libc_malloc;
}

/*
 * A foreign malloc knows nothing of alignment. Where its block happens to be aligned that is right; else it can only be
 * ours, which is what such a program would have got from libc.
 */
static cold void *foreign_aligned(size_t alignment, size_t bytes)
{
	void *block = malloc(bytes);
	if (block == NULL || (uintptr_t)block % alignment == 0)
		return block;
	free(block);
	return heap_aligned(alignment, bytes);
}

void *follow_aligned(size_t alignment, size_t bytes)
{
	return likely(malloc_is_ours()) ? heap_aligned(alignment, bytes) : foreign_aligned(alignment, bytes);
}
