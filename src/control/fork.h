/*
 * fork.h - fork(2) at any moment, with any number of threads in the middle of malloc.
 */
#ifndef LM_CONTROL_FORK_H
#define LM_CONTROL_FORK_H

#include "base/lock.h"

/* The locks of the layer above, which fork takes first: defined in api/percpu_chunk.c. */
extern struct lock percpu_lock;

/* Registers the handlers with pthread_atfork(3). */
void fork_register(void);

#endif
