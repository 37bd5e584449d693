/*
 * futex.h - futex(2) on a word of this process: sleep while it has a value, wake those who sleep on it.
 *
 * Waking orders no memory accesses. The code that changes the word and the code that reads it say what pairs with what.
 */
#ifndef LM_OS_FUTEX_H
#define LM_OS_FUTEX_H

#include "os/syscall.h"

#include <linux/futex.h>
#include <time.h>

/* Sleeps while the word is `value`; returns at once if it is not. May return early for no reason. */
static inline void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, 0, 0, 0);
}

/* The same, for `milliseconds` (below 1000) at most. */
static inline void futex_wait_for(_Atomic uint32_t *word, uint32_t value, unsigned milliseconds)
{
	struct timespec most = {0, (long)milliseconds * 1000000};
	syscall6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value, (long)&most, 0, 0);
}

/* Wakes at most `count` threads that sleep on the word. */
static inline void futex_wake(_Atomic uint32_t *word, int count)
{
	syscall3(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, count);
}

#endif
