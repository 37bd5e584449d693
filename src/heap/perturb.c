/* perturb.c - see perturb.h. */
#include "heap/perturb.h"

#include "magazine/thread_cache.h"

#include <string.h>

void perturb_allocated(void *block, size_t bytes) { memset(block, (int)load_relaxed(&settings.perturb) ^ 0xff, bytes); }

void perturb_freed(void *block, size_t bytes) { memset(block, (int)load_relaxed(&settings.perturb), bytes); }

void perturb_apply(void)
{
	store_relaxed(&thread_cache_disabled, perturb_is_on());
	if (perturb_is_on())
		thread_cache_leave();
}
