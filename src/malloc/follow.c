/*
 * follow.c - see follow.h.
 */
#include "malloc/follow.h"

#include "base/compiler.h"
#include "malloc/heap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

/* The symbol as the process resolves it against the one that is surely ours. */
bool follow_is_bound(void)
{
	/* Weak, or clang takes two different names for two different functions and folds the comparison. */
	extern void *own_malloc(size_t bytes) __attribute__((weak));
	return likely((uintptr_t)malloc == (uintptr_t)own_malloc);
}

enum answer { NOT_ASKED, ASKING, YES, NO };

/*
 * Another address need not be another malloc: in an executable that is not position-independent and names malloc as a
 * value it is the executable's own jump to ours; and a malloc that counts or traces may pass on to ours. So
 * what counts is
 * whose blocks come out. While that is being found out, calls that come back here are taken as ours.
 */
static cold bool blocks_are_ours(void)
{
	static _Atomic int answer;
	int known = atomic_load_explicit(&answer, memory_order_relaxed);
	if (known == NOT_ASKED) {
		atomic_store_explicit(&answer, ASKING, memory_order_relaxed);
		void *probe = malloc(1);
		known = probe != NULL && heap_usable(probe) != 0 ? YES : NO;
		free(probe);
		atomic_store_explicit(&answer, known, memory_order_relaxed);
	}
	return known != NO;
}

bool follow_is_ours(void) { return follow_is_bound() || blocks_are_ours(); }

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

/* The thread that is asking whose posix_memalign the process is bound to, or 0. */
static _Atomic uintptr_t asking;

static uintptr_t this_thread(void) { return (uintptr_t)pthread_self(); }

/*
 * Where posix_memalign is not ours either, it belongs to the malloc that the process is bound to. But its
 * address may be
 * another and lead here all the same: then the call comes back, and finds that this thread is asking.
 */
static cold void *foreign_aligned(size_t alignment, size_t bytes)
{
	extern int own_posix_memalign(void **result, size_t alignment, size_t bytes) __attribute__((weak));
	void *block = NULL;
	bool came_back = atomic_load_explicit(&asking, memory_order_relaxed) == this_thread();
	if (came_back || (uintptr_t)posix_memalign == (uintptr_t)own_posix_memalign)
		return hunt_aligned(alignment, bytes);
	uintptr_t before = atomic_exchange_explicit(&asking, this_thread(), memory_order_relaxed);
	int error = posix_memalign(&block, alignment, bytes);
	atomic_store_explicit(&asking, before, memory_order_relaxed);
	if (error != 0)
		errno = error;
	return error == 0 ? block : NULL;
}

void *follow_aligned(size_t alignment, size_t bytes)
{
	return follow_is_ours() ? heap_aligned(alignment, bytes) : foreign_aligned(alignment, bytes);
}
