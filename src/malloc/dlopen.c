/*
 * dlopen.c - dlopen(3) without RTLD_DEEPBIND.
 *
 * A library opened with that flag looks for malloc and free in itself and in libc before it looks at us, so it would
 * free
 * what we allocated through libc's free, which aborts. The flag is cleared (option "deepbind" keeps it).
 *
 * libc's dlopen takes its caller's address for the search path (RUNPATH) and for the namespace: so it is left as a tail
 * call, a jump that keeps the return address. The Makefile compiles this file with -foptimize-sibling-calls always; a
 * test in tests/surroundings opens a library by its caller's RUNPATH.
 */
#define _GNU_SOURCE
#include "base/compiler.h"
#include "base/settings.h"

#include <dlfcn.h>
#include <stdatomic.h>

typedef void *dlopen_function(const char *, int);

static dlopen_function *_Atomic next_dlopen;

static cold void find_next(void)
{
	atomic_store_explicit(&next_dlopen, (dlopen_function *)dlsym(RTLD_NEXT, "dlopen"), memory_order_relaxed);
}

/* Opened late itself, the library stands behind libc and finds no next one: then libc's is the first of that name. */
static cold void find_any(void)
{
	atomic_store_explicit(&next_dlopen, (dlopen_function *)dlsym(RTLD_DEFAULT, "dlopen"), memory_order_relaxed);
}

LM_EXPORT void *dlopen(const char *file, int mode)
{
	if (atomic_load_explicit(&next_dlopen, memory_order_relaxed) == NULL)
		find_next();
	if (atomic_load_explicit(&next_dlopen, memory_order_relaxed) == NULL)
		find_any();
	if (!setting(&settings.keep_deepbind))
		mode &= ~RTLD_DEEPBIND;
	return atomic_load_explicit(&next_dlopen, memory_order_relaxed)(file, mode);
}
