/* reserve.h - the locks of libmalloc/pool.h's reserves. */
#ifndef LM_EXT_RESERVE_H
#define LM_EXT_RESERVE_H

#include "base/compiler.h"
#include "os/lock.h"

/* Each reserve has one of these locks, by its address: fork knows them all. Rank RANK_RESERVE. */
enum { RESERVE_LOCKS = 16 };
extern struct lock reserve_locks[RESERVE_LOCKS] LM_HIDDEN;

#endif
