/* A library in front that wraps dlopen and dlsym, and looks for the next ones in its constructor: not to be called before. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

static void *(*next_dlopen)(const char *, int), *(*next_dlsym)(void *, const char *);

void *dlopen(const char *file, int mode) { return next_dlopen(file, mode); }
void *dlsym(void *handle, const char *name) { return next_dlsym(handle, name); }

__attribute__((constructor)) static void find_next(void)
{
	next_dlsym = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	next_dlopen = (void *(*)(const char *, int))next_dlsym(RTLD_NEXT, "dlopen");
}
