/*
 * dlopen.c - dlopen(3) without RTLD_DEEPBIND.
 *
 * A library that is opened with this flag looks for malloc and free in itself and in libc before it looks here. So it
 * would free blocks of this library through libc's free, which aborts. The flag is cleared (option deepbind keeps it).
 *
 * libc's dlopen takes its caller's address for the search path (RUNPATH) and for the namespace. So it is called in tail
 * position: a jump, which keeps the return address. The Makefile always compiles this file with
 * -foptimize-sibling-calls; a test in tests/surroundings opens a library by its caller's RUNPATH.
 */
#define _GNU_SOURCE
#include "base/compiler.h"
#include "base/settings.h"

#include <dlfcn.h>

typedef void *dlopen_function(const char *, int);

static dlopen_function *_Atomic next_dlopen; /* relaxed: all threads find the same function */

/* A library that was opened late stands behind libc. Then no dlopen comes next, and the first one is libc's. */
static cold void find_next(void)
{
	void *next = dlsym(RTLD_NEXT, "dlopen");
	if (next == NULL)
		next = dlsym(RTLD_DEFAULT, "dlopen");
	store_relaxed(&next_dlopen, (dlopen_function *)next);
}

LM_EXPORT void *dlopen(const char *file, int mode)
{
	if (load_relaxed(&next_dlopen) == NULL)
		find_next();
	if (!load_relaxed(&settings.keep_deepbind))
		mode &= ~RTLD_DEEPBIND;
	return load_relaxed(&next_dlopen)(file, mode);
}
