/*
 * budget.h - what the bins of a thread may hold, in bytes: each is charged for what its limit allows. If the budget is
 * used up, a clock hand finds bins that are not in use.
 */
#ifndef LM_MAGAZINE_BUDGET_H
#define LM_MAGAZINE_BUDGET_H

#include "magazine/bins.h"

/* Charges the bin for `limit` objects in each of its magazines; 0: it is closed. */
cold void budget_charge(const struct bin_ref *ref, size_t limit, unsigned magazines);

/* True if the thread may be charged for `bytes` more. */
bool budget_has_room(const struct thread_cache *cache, size_t bytes);

/* One step of the clock hand: a bin, not that of `for_class`, that was not used since the last time; 0: none. */
cold unsigned budget_step(struct thread_cache *cache, unsigned for_class);

/* In the child of fork: only this cache is charged for, or none (NULL). */
cold void budget_charge_only(const struct thread_cache *cache);

#endif
