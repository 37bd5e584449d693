/*
 * fork.h - fork(2) at any moment, with any number of threads in the middle of malloc.
 */
#ifndef LM_CONTROL_FORK_H
#define LM_CONTROL_FORK_H

#include "base/lock.h"

/*
 * The locks of api/reserve.c, which stand here because fork takes them too: each reserve has one of them, by its
 * address. Rank RANK_RESERVE.
 */
enum { RESERVE_LOCKS = 16 };
extern struct lock reserve_locks[RESERVE_LOCKS] LM_HIDDEN;

/* The lock of api/percpu_chunk.c, likewise. Rank RANK_PERCPU. */
extern struct lock percpu_lock LM_HIDDEN;

/* Registers the handlers with pthread_atfork(3). */
void fork_register(void);

#endif
