/* thread.h - which thread this is, and how many threads allocate. */
#ifndef LM_OS_THREAD_H
#define LM_OS_THREAD_H

#include "base/compiler.h"

#include <pthread.h>

/*
 * A number of the thread, not 0. No other thread has it while this one lives. The thread that forks keeps its number
 * in the child.
 */
static inline uintptr_t thread_self(void) { return (uintptr_t)pthread_self(); }

/* How many threads allocate: whoever keeps their caches counts. A hint, relaxed. */
extern _Atomic size_t thread_counter LM_HIDDEN;

static inline size_t thread_count(void) { return load_relaxed(&thread_counter); }

#endif
