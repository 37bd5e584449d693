/*
 * thread.h - which thread this is.
 */
#ifndef LM_BASE_THREAD_H
#define LM_BASE_THREAD_H

#include <pthread.h>
#include <stdint.h>

/*
 * A number that is not 0, and that no other thread has while this one lives. The thread that forks has the same one in
 * the child.
 */
static inline uintptr_t thread_self(void) { return (uintptr_t)pthread_self(); }

#endif
