/*
 * mallopt.c - mallopt(3) and malloc_trim(3).
 */
#include "control/options.h"
#include "large/store.h"
#include "page/trim.h"
#include "slab/cache.h"
#include "slab/reclaim.h"
#include "slab/thread_cache.h"

#include <malloc.h>

/* Parameters of glibc that have no counterpart here: there are no arenas, no fast bins, and checks are always on. */
static bool is_accepted(int parameter)
{
	return parameter == M_MXFAST || parameter == M_CHECK_ACTION || parameter == M_ARENA_TEST ||
	       parameter == M_ARENA_MAX;
}

/* mallopt(3). 1, or 0 for an unknown parameter or a value out of range. */
LM_EXPORT int mallopt(int parameter, int value)
{
	const struct option *option = option_of_mallopt(parameter);
	if (option == NULL)
		return is_accepted(parameter);
	return option_set(option, (size_t)value);
}

LM_EXPORT int __libc_mallopt(int parameter, int value) __THROW __attribute__((alias("mallopt")));

/* malloc_trim(3). pad: bytes to leave at the top. 1 when memory went back to the system, else 0. */
LM_EXPORT int malloc_trim(size_t pad)
{
	thread_cache_flush();
	depot_drain_all();
	bool stored = store_drain();
	bool lowered = trim_to_pad(&zones[ZONE_HEAP], pad);
	bool purged = reclaim_all();
	return lowered || purged || stored;
}
