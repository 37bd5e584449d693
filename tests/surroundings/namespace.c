/* A library opened by dlmopen in a namespace of its own calls dlopen: the plugin must open in the caller's
 * namespace, not in ours. In the second run that library is linked with libmalloc, so that the
 * namespace holds a second copy of it beside a second libc, whose sbrk refuses to grow.
 *
 * namespace MIDDLE PLUGIN
 */
#include "surroundings.h"
#include <dlfcn.h>

static Lmid_t namespace_of(void *handle)
{
	Lmid_t id = -7;

	CHECK(dlinfo(handle, RTLD_DI_LMID, &id) == 0);
	return id;
}

int main(int argc, char **argv)
{
	void *(*middle_open)(const char *, int);
	int (*identity)(void);

	CHECK(argc == 3);
	char *before = strdup("of the first namespace");
	void *middle = dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
	if (!middle)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(middle);
	CHECK(namespace_of(middle) != LM_ID_BASE);
	middle_open = (void *(*)(const char *, int))dlsym(middle, "middle_open");
	CHECK(middle_open);

	void *plugin = middle_open(argv[2], RTLD_NOW | RTLD_LOCAL);
	CHECK(plugin);
	CHECK(namespace_of(plugin) == namespace_of(middle));
	identity = (int (*)(void))dlsym(plugin, "plugin_identity");
	for (int i = 0; i < 1000; i++)
		CHECK(identity() == 2);
	CHECK(!strcmp(before, "of the first namespace"));
	free(before);
	CHECK(dlclose(plugin) == 0);
	CHECK(dlclose(middle) == 0);
	return 0;
}
