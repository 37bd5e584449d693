/*
 * bin_budget.h - what the bins of a thread may hold, in bytes: each is charged for what its limit allows, and where the
 * budget is used up a clock hand takes room from bins that are not in use. For bin.c.
 */
#ifndef LM_SLAB_BIN_BUDGET_H
#define LM_SLAB_BIN_BUDGET_H

#include "base/bits.h"
#include "slab/thread_cache.h"

/* An object charges for its bytes: a small one for a cache line at least, as it pins a page like any other. */
static inline size_t budget_charge_of(unsigned c) { return size_max(size_classes[c].bytes, CACHE_LINE_BYTES); }

/* Charges the bin for `limit` objects in each of its magazines; 0: it is closed. */
void budget_charge(struct thread_cache *cache, unsigned size_class, size_t limit, unsigned magazines);

/* Tries to have `bytes` of the budget free; where all bins are in use it soon gives up, and this one goes without. */
bool budget_make_room(struct thread_cache *cache, size_t bytes, unsigned for_class);

#endif
