/* reclaim.h - who pays for purging: the frees that made too many pages idle, at once, with no helper thread. */
#ifndef LM_SLAB_RECLAIM_H
#define LM_SLAB_RECLAIM_H

#include "os/lock.h"

/* One comparison when nothing is due. Else purges free pages, then idle pages in slabs. No lock is held. */
void reclaim_if_due(void);

/* Gives objects back to their slabs, as cache_free, and pays for what is due then. No lock is held. */
void reclaim_free(unsigned size_class, void **objects, size_t count, const char *function);

/*
 * Gives back all free pages, and all idle pages in slabs. True if pages before the top of the heap were given back, by
 * this call or earlier, and are still free (glibc's malloc_trim returns 1 for these each time). purge_lock is held.
 */
cold bool reclaim_purge_all(void);

/*
 * Purges idle pages in slabs of one class until at most `keep_pages` are left over all classes: how many. The objects
 * over them are reserved meanwhile, so that nobody takes memory that is about to go, and cache.lock is free for others.
 * purge_lock is held.
 */
cold size_t cache_purge(unsigned size_class, size_t keep_pages);

/* For fork. */
extern struct lock purge_lock;

#endif
