/* The library between, of runpath.c and namespace.c: opens in its own name. The result is kept in a variable, or
 * the compiler would jump to dlopen and the caller would be ours. */
#include <dlfcn.h>

void *middle_open(const char *name, int flags);

void *middle_open(const char *name, int flags)
{
	void *volatile handle = dlopen(name, flags);

	return handle;
}
