/*
 * reclaim.h - who pays for purging: the frees that made too many pages idle, at once, with no helper thread.
 */
#ifndef LM_SLAB_RECLAIM_H
#define LM_SLAB_RECLAIM_H

#include "base/lock.h"

#include <stdbool.h>

/* One comparison when nothing is due. Else purges free pages, then idle pages in slabs. No lock is held. */
void reclaim_if_due(void);

/*
 * Gives back all that can be: what the depots hold, free pages, idle pages. True if some of these pages lie before the
 * top of the heap, given back by this call, or earlier and still free: glibc gives such holes back at each call anew.
 */
bool reclaim_all(void);

/* For fork. */
extern struct lock purge_lock;

#endif
