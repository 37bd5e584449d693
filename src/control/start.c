/*
 * start.c - the library's constructor and destructor.
 *
 * Nothing depends on the constructor having run: every structure is ready as the loader maps it. It makes the key that
 * tells of the ends of threads, before the program can have taken all keys there are; reads the options; and registers
 * the fork handlers, before others that may allocate. So it is to run before all other constructors: -z initfirst lets
 * it, and in a static link its priority, since a program's begin at 101.
 */
#include "base/settings.h"
#include "control/fork.h"
#include "control/options.h"
#include "control/thread_exit.h"
#include "malloc/follow.h"
#include "os/brk.h"
#include "slab/size_class.h"
#include "slab/thread_cache.h"

#include <sys/auxv.h>

/*
 * A malloc in front may put a header before each of its blocks, and look for one before ours when it is to free one. So
 * nothing there may look like one.
 */
static void stand_behind(void)
{
	atomic_store_explicit(&settings.is_behind, 1, memory_order_relaxed);
	size_class_set_threshold(setting(&settings.mmap_threshold));
}

/* glibc and musl on the usual machines pass main's arguments to constructors; a set-uid program's user has no say. */
__attribute__((constructor(0))) static void start(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	thread_exit_make_key();
	follow_find_out();
	if (!follow_is_bound())
		stand_behind();
	if (follow_libc_is_first())
		os_brk_leave();
	if (!getauxval(AT_SECURE))
		options_read(environment);
	fork_register();
}

/*
 * The last look at what this thread freed: a double free that no flush has met yet is reported now. A signal handler
 * may have called exit in the middle of malloc: so nothing is locked and nothing changed.
 */
__attribute__((destructor)) static void finish(void) { thread_cache_verify(); }
