/*
 * check.c - see check.h. Of thread caches only this thread's: others change theirs without a lock.
 */
#include "libc/check.h"

#ifdef LM_DEBUG
#include "ext/percpu_chunk.h"
#include "ext/percpu_module.h"
#include "large/large_cache.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "os/thread.h"
#include "page/zone.h"
#include "slab/cache.h"

void check_everything(void)
{
	for (int id = 0; id < ZONE_COUNT; id++)
		zone_check(&zones[id]);
	for (unsigned c = 1; c < size_class_end(); c++)
		cache_check(c);
	caches_check_sums();
	depots_check();
	percpu_check();
	percpu_module_check();
	if (thread_cache_self != THREAD_CACHE_NONE && thread_cache_self != THREAD_CACHE_ENDED)
		thread_cache_check(thread_cache_self);
	/* Another thread may be giving back what is too much. */
	if (thread_count() <= 1)
		large_cache_check();
}
#endif
