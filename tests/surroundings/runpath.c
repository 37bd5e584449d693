/* dlopen("libname.so") looks in the RUNPATH of the object that calls it: main's own calls in main's, the calls of
 * a library in that library's, and neither in the other's. A dlopen that hides its caller changes where plugins are
 * found.
 *
 * libofmain.so lies in main's RUNPATH alone, libofmiddle.so in that of libmiddle.so alone.
 */
#include "surroundings.h"
#include <dlfcn.h>

void *middle_open(const char *name, int flags); /* libmiddle.so: dlopen(name, flags) */

static void try_with(int flags)
{
	CHECK(!middle_open("libofmain.so", flags));
	CHECK(strstr(dlerror(), "libofmain.so"));
	CHECK(!dlopen("libofmiddle.so", flags));
	CHECK(strstr(dlerror(), "libofmiddle.so"));

	void *of_main = dlopen("libofmain.so", flags);
	void *of_middle = middle_open("libofmiddle.so", flags);
	CHECK(of_main);
	CHECK(of_middle);
	int (*identity)(void) = (int (*)(void))dlsym(of_main, "plugin_identity");
	CHECK(identity && identity() == 1);
	identity = (int (*)(void))dlsym(of_middle, "plugin_identity");
	CHECK(identity && identity() == 2);
	CHECK(dlclose(of_main) == 0 && dlclose(of_middle) == 0);
}

int main(void)
{
	try_with(RTLD_NOW);
	try_with(RTLD_LAZY | RTLD_GLOBAL);
	try_with(RTLD_NOW | RTLD_DEEPBIND);
	return 0;
}
