/* thread_exit.c - the one key. Its value in a thread counts the rounds of destructors: 1 before the first one. */
#include "os/thread_exit.h"

#include <limits.h>
#include <pthread.h>

enum { ENDING_CALL = 2 }; /* the call of our destructor that calls the function */

_Static_assert(PTHREAD_DESTRUCTOR_ITERATIONS >= 2 * ENDING_CALL, "time for a thread that first asks in round two");

/* The key + 1, or 0 if there is none yet. */
static _Atomic uintptr_t key_after WRITTEN_AT_START;

/* Acquire pairs with the release in thread_exit_make_key, so that the C library's data of the key is seen too. */
static bool has_key(void) { return atomic_load_explicit(&key_after, memory_order_acquire) != 0; }

static pthread_key_t key(void) { return (pthread_key_t)(load_relaxed(&key_after) - 1); }

static bool set_call(uintptr_t call) { return pthread_setspecific(key(), (void *)call) == 0; }

/* Relaxed: each caller stores the same function before it makes the key. */
static void (*_Atomic at_exit)(void) WRITTEN_AT_START;

static void thread_ends(void *call)
{
	if ((uintptr_t)call >= ENDING_CALL || !set_call((uintptr_t)call + 1))
		load_relaxed(&at_exit)();
}

/* Of several threads that make a key at once, one is first; the keys of the others go back. */
void thread_exit_make_key(void (*function)(void))
{
	pthread_key_t made;
	uintptr_t none = 0;
	if (has_key())
		return;
	store_relaxed(&at_exit, function);
	if (pthread_key_create(&made, thread_ends) != 0)
		return;
	if (!replace_atomic(&key_after, &none, (uintptr_t)made + 1, memory_order_release))
		pthread_key_delete(made);
}

/*
 * pthread_setspecific may allocate, for keys from 32 on. A thread whose cache has ended, and that begins another one,
 * is still armed: its calls are not counted again from the start.
 */
bool thread_exit_arm(void (*function)(void))
{
	thread_exit_make_key(function);
	return has_key() && (pthread_getspecific(key()) != NULL || set_call(1));
}
