/*
 * thread_exit.h - a function that is called at the end of each thread that asks for it.
 *
 * A key of pthread_key_create(3) calls it. The library's constructor makes the key, since the program may take all keys
 * there are; a first allocation that comes earlier makes it too.
 *
 * There are four rounds of destructors. Destructors of other keys free memory. So the first call of our destructor only
 * sets the key again. The second call, one round later, calls the function. A thread that asks for the first time in
 * round 1 or 2 has two more rounds. The function is not called for a thread that asks in round 3 or 4, nor for the main
 * thread.
 */
#ifndef LM_OS_THREAD_EXIT_H
#define LM_OS_THREAD_EXIT_H

#include "base/compiler.h"

/* Makes the key, unless there is one or the program has taken all keys. The function is the same in all calls. */
cold void thread_exit_make_key(void (*function)(void));

/* Arranges that the function is called when this thread ends: false if there is no key. */
cold bool thread_exit_arm(void (*function)(void));

#endif
