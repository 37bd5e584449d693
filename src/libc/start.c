/*
 * start.c - the library's constructor and destructor.
 *
 * Nothing depends on the constructor: every structure is ready as the loader maps it. The constructor makes the key
 * that reports the ends of threads, before the program can use up all keys; reads the options; and registers the fork
 * handlers, before others that may allocate. So it must run before all other constructors: -z initfirst does this, and
 * in a static link its priority, since the priorities of programs begin at 101.
 */
#include "base/settings.h"
#include "heap/follow.h"
#include "libc/fork.h"
#include "libc/options.h"
#include "magazine/thread_cache.h"
#include "os/brk.h"
#include "os/thread_exit.h"
#include "slab/size_class.h"

#include <sys/auxv.h>

/* glibc and musl pass main's arguments to constructors. The user of a set-uid program cannot set options. */
__attribute__((constructor(0))) static cold void start(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	thread_exit_make_key(thread_cache_end);
	follow_find_out();
	if (!follow_is_bound()) {
		/*
		 * A malloc in front may put a header before each of its blocks, and read it there when it frees a
		 * block. So the bytes before a block of ours must not look like such a header.
		 */
		store_relaxed(&settings.is_behind, 1);
		size_class_set_threshold(load_relaxed(&settings.mmap_threshold));
	}
	if (follow_libc_is_first())
		os_brk_leave();
	if (!getauxval(AT_SECURE))
		options_read(environment);
	fork_register();
}

/*
 * Reports a double free that this thread's magazines show. A signal handler may have called exit in the middle of
 * malloc: so nothing is locked or changed.
 */
__attribute__((destructor)) static cold void finish(void) { thread_cache_verify(); }
