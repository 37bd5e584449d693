/*
 * follow.c - see follow.h.
 */
#include "malloc/follow.h"

#include "base/compiler.h"
#include "malloc/heap.h"

#include <errno.h>
#include <stdint.h>

/* The symbol as the process resolves it against the one that is surely ours. */
bool follow_is_ours(void)
{
	extern void *lm_malloc(size_t bytes);
	return (uintptr_t)malloc == (uintptr_t)lm_malloc;
}

enum { TRIES = 16, FILLER_BYTES = 16 };

/*
 * A foreign malloc that knows nothing of alignment: blocks are asked for until one happens to be aligned, with small
 * fillers between them to shift the addresses. NULL is better than a block that its free would not know.
 */
static void *hunt_aligned(size_t alignment, size_t bytes)
{
	void *fillers[TRIES];
	size_t nfillers = 0;
	void *block = malloc(bytes);
	while (block != NULL && (uintptr_t)block % alignment != 0 && nfillers < TRIES) {
		free(block);
		fillers[nfillers++] = malloc(FILLER_BYTES);
		block = malloc(bytes);
	}
	while (nfillers > 0)
		free(fillers[--nfillers]);
	if (block == NULL || (uintptr_t)block % alignment == 0)
		return block;
	free(block);
	errno = ENOMEM;
	return NULL;
}

/* A foreign malloc that counts or traces and then calls ours: its free will do the same. */
static bool passes_on_to_us(void)
{
	void *probe = malloc(FILLER_BYTES);
	bool ours = probe != NULL && heap_usable(probe) != 0;
	free(probe);
	return ours;
}

/* Where posix_memalign is not ours either, it belongs to the malloc that the process is bound to. */
static cold void *foreign_aligned(size_t alignment, size_t bytes)
{
	extern int lm_posix_memalign(void **result, size_t alignment, size_t bytes);
	void *block = NULL;
	if ((uintptr_t)posix_memalign != (uintptr_t)lm_posix_memalign) {
		errno = posix_memalign(&block, alignment, bytes);
		return block;
	}
	return passes_on_to_us() ? heap_aligned(alignment, bytes) : hunt_aligned(alignment, bytes);
}

void *follow_aligned(size_t alignment, size_t bytes)
{
	return likely(follow_is_ours()) ? heap_aligned(alignment, bytes) : foreign_aligned(alignment, bytes);
}
