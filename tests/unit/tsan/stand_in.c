/*
 * stand_in.c - what is done in another way under ThreadSanitizer.
 *
 * It lets go of a thread in the last round of key destructors, and before ours: so this stands in for
 * src/control/thread_exit.c. C++'s way of ending thread-local objects comes earlier.
 */
#include "slab/thread_cache.h"

/* See tsan/base/syscall.h. */
char kernel_order;

extern int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *dso);
extern void *__dso_handle;

static void thread_ends(void *unused)
{
	(void)unused;
	thread_cache_end();
}

bool thread_exit_arm(void) { return __cxa_thread_atexit_impl(thread_ends, NULL, &__dso_handle) == 0; }
