/*
 * perturb.c - see perturb.h.
 */
#include "malloc/perturb.h"

#include "slab/thread_cache.h"

#include <string.h>

void perturb_allocated(void *block, size_t bytes) { memset(block, (int)setting(&settings.perturb) ^ 0xff, bytes); }

void perturb_freed(void *block, size_t bytes) { memset(block, (int)setting(&settings.perturb), bytes); }

void perturb_apply(void)
{
	atomic_store_explicit(&thread_cache_disabled, perturb_is_on(), memory_order_relaxed);
	if (perturb_is_on())
		thread_cache_leave();
}
