/*
 * thread_exit.c - the end of a thread: its cache goes back.
 *
 * A key of pthread_key_create(3) calls us. Other keys' destructors and libc free memory too, before and after: so the
 * destructor sets the key again until the last of the rounds that POSIX promises, and then the thread goes on without
 * a cache. The main thread has no such end, and needs none.
 */
#include "slab/thread_cache.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>

/* 0: no key; KEY_MAKING: a thread is at it; else the key + KEY_FIRST. */
enum { KEY_MAKING = 1, KEY_FIRST = 2 };

static _Atomic uintptr_t key_state;

static bool set_round(uintptr_t round)
{
	uintptr_t state = atomic_load_explicit(&key_state, memory_order_acquire);
	return pthread_setspecific((pthread_key_t)(state - KEY_FIRST), (void *)round) == 0;
}

static void thread_ends(void *round)
{
	if ((uintptr_t)round >= PTHREAD_DESTRUCTOR_ITERATIONS || !set_round((uintptr_t)round + 1))
		thread_cache_end();
}

/* Release pairs with the acquire in set_round and thread_exit_arm. */
static void make_key(void)
{
	pthread_key_t key;
	uintptr_t expected = 0;
	if (!atomic_compare_exchange_strong_explicit(&key_state, &expected, KEY_MAKING, memory_order_relaxed,
						     memory_order_relaxed))
		return;
	bool made = pthread_key_create(&key, thread_ends) == 0;
	atomic_store_explicit(&key_state, made ? (uintptr_t)key + KEY_FIRST : 0, memory_order_release);
}

/*
 * pthread_setspecific may allocate (for keys above 32): the cache is in place by now, so that works. A thread that
 * finds the key being made arms itself at a later miss: see thread_cache_get.
 */
bool thread_exit_arm(void)
{
	if (atomic_load_explicit(&key_state, memory_order_acquire) < KEY_FIRST)
		make_key();
	if (atomic_load_explicit(&key_state, memory_order_acquire) < KEY_FIRST)
		return false;
	return set_round(1);
}
