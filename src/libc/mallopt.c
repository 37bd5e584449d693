/* mallopt.c - mallopt(3) and malloc_trim(3). */
#include "heap/request.h"
#include "large/large_cache.h"
#include "libc/check.h"
#include "libc/options.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "page/trim.h"

#include <malloc.h>

enum { MXFAST_MOST = 160 }; /* bytes, of mallopt(3): 80 * sizeof(size_t) / 4 */

/* A negative size means a very large one; a negative number of blocks means 0. Both as in glibc. */
static size_t value_of(int parameter, int value)
{
	if (parameter == M_MMAP_MAX)
		return value < 0 ? 0 : (size_t)value;
	return parameter == M_PERTURB ? (size_t)value & 0xff : (size_t)value;
}

/*
 * mallopt(3). 0 for an M_MXFAST out of its range, else 1: M_MXFAST, M_CHECK_ACTION and the arenas have no counterpart
 * here, and glibc returns 1 for a parameter that it does not know.
 */
LM_EXPORT cold int mallopt(int parameter, int value)
{
	if (parameter == M_MXFAST)
		return value >= 0 && value <= MXFAST_MOST;
	const struct option *option = option_of_mallopt(parameter);
	return option == NULL || option_set(option, value_of(parameter, value));
}

LM_EXPORT int __libc_mallopt(int parameter, int value) __THROW __attribute__((alias("mallopt")));

/*
 * malloc_trim(3). pad: bytes to leave at the top. 1 if memory went back to the system, or the heap has holes that were
 * given back before and are still free; else 0.
 */
LM_EXPORT cold int malloc_trim(size_t pad)
{
	thread_cache_flush();
	depot_drain_all();
	bool stored = large_cache_drain();
	bool lowered = trim_to_pad(&zones[ZONE_HEAP], pad);
	bool purged = reclaim_all();
	if (DEBUG_CHECKS)
		check_everything();
	return lowered || purged || stored;
}
