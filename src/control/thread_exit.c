/*
 * thread_exit.c - the end of a thread: its cache goes back.
 *
 * A key of pthread_key_create(3) calls us. The library's constructor makes it, or the first call where that comes
 * earlier, since the program may take all keys there are. Without a key threads do without caches.
 *
 * Other keys' destructors free memory too: so at the first call of ours the cache stays, the key is set again, and the
 * cache ends in the next round of destructors. What comes later is served without a cache. There are four rounds, and
 * a thread's first call of malloc or free may come in one of them: from the first and the second on there are two more.
 * The cache of a thread that first calls in the third or the fourth is lost. The main thread has no such end, and needs
 * none.
 */
#include "control/thread_exit.h"

#include "slab/thread_cache.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>

enum { CALLS = 2 }; /* the call of our destructor that ends the cache */

_Static_assert(PTHREAD_DESTRUCTOR_ITERATIONS >= 2 * CALLS, "threads that first call in the second round end too");

/* The key + 1, or 0 where there is none yet. */
static _Atomic uintptr_t key_after;

/* Acquire pairs with the release in thread_exit_make_key: what the C library knows of the key is seen too. */
static bool has_key(void) { return atomic_load_explicit(&key_after, memory_order_acquire) != 0; }

static pthread_key_t key(void)
{
	return (pthread_key_t)(atomic_load_explicit(&key_after, memory_order_relaxed) - 1);
}

static bool set_call(uintptr_t call) { return pthread_setspecific(key(), (void *)call) == 0; }

static void thread_ends(void *call)
{
	if ((uintptr_t)call >= CALLS || !set_call((uintptr_t)call + 1))
		thread_cache_end();
}

/* Of several threads that come at once one is first; the others' keys go back. */
void thread_exit_make_key(void)
{
	pthread_key_t made;
	uintptr_t none = 0;
	if (has_key() || pthread_key_create(&made, thread_ends) != 0)
		return;
	if (!atomic_compare_exchange_strong_explicit(&key_after, &none, (uintptr_t)made + 1, memory_order_release,
						     memory_order_relaxed))
		pthread_key_delete(made);
}

/*
 * pthread_setspecific may allocate, for keys from 32 on. A thread that has left its cache, and begins another one, is
 * armed still: its calls are not counted anew.
 */
bool thread_exit_arm(void)
{
	thread_exit_make_key();
	return has_key() && (pthread_getspecific(key()) != NULL || set_call(1));
}
