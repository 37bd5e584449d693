/*
 * start.c - the library's constructor and destructor.
 *
 * Nothing depends on the constructor having run: every structure is ready as the loader maps it. It makes the key that
 * tells of the ends of threads, before the program can have taken all keys there are; reads the options; and registers
 * the fork handlers, before others that may allocate. So it is to run before all other constructors: -z initfirst lets
 * it, and in a static link its priority, since a program's begin at 101.
 */
#include "control/fork.h"
#include "control/options.h"
#include "control/thread_exit.h"
#include "malloc/follow.h"
#include "os/brk.h"
#include "slab/slab.h"
#include "slab/thread_cache.h"

#include <sys/auxv.h>

/*
 * A malloc in front may put a header of 16 bytes before each of its blocks, and look for one before ours when it is to
 * free one. So nothing there may look like one: no block of 16 bytes, which would be a header and nothing else; and
 * nothing that is left from before.
 */
static void stand_behind(void)
{
	size_class_leave_out_smallest();
	slab_clear_reused_pages();
}

/* glibc and musl on the usual machines pass main's arguments to constructors; a set-uid program's user has no say. */
__attribute__((constructor(0))) static void start(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	thread_exit_make_key();
	enum follow bound = follow_find_out();
	if (bound != FOLLOW_OURS)
		stand_behind();
	if (bound == FOLLOW_LIBC)
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
