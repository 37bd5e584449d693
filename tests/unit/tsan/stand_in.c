/*
 * stand_in.c - what is done in another way under ThreadSanitizer.
 *
 * It lets go of a thread in the last round of key destructors, and before ours: so this stands in for
 * src/os/thread_exit.c. C++'s way of ending thread-local objects comes earlier.
 */
#include "os/thread_exit.h"

#include <stddef.h>

/* See tsan/os/syscall.h. */
char kernel_order;

extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *dso);
extern void *__dso_handle;

static void thread_ends(void *function) { ((void (*)(void))function)(); }

bool thread_exit_arm(void (*function)(void))
{
	return __cxa_thread_atexit_impl(thread_ends, (void *)function, &__dso_handle) == 0;
}
