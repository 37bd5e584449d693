/* A C program, linked without libstdc++, that opens a C++ plugin late: operator new of the plugin fails and is caught inside
   it, in this thread and in another, also after the plugin was closed and opened again.
   Arguments: the plugin; local, global or deepbind. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef int check_function(void);

static void *run_check(void *check)
{
	return (void *)(intptr_t)((check_function *)(intptr_t)check)();
}

static int open_and_check(const char *path, int flags)
{
	void *plugin = dlopen(path, RTLD_NOW | flags);
	if (!plugin) {
		printf("%s\n", dlerror());
		return 1;
	}
	check_function *check = (check_function *)(intptr_t)dlsym(plugin, "plugin_check");
	if (!check || check() != 0)
		return 1;
	pthread_t thread;
	void *failed = NULL;
	if (pthread_create(&thread, NULL, run_check, (void *)(intptr_t)check) != 0 || pthread_join(thread, &failed) != 0 || failed)
		return 1;
	return dlclose(plugin) != 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	int flags = strcmp(argv[2], "global") == 0 ? RTLD_GLOBAL : strcmp(argv[2], "deepbind") == 0 ? RTLD_DEEPBIND : RTLD_LOCAL;
	if (dlopen("libstdc++.so.6", RTLD_NOLOAD | RTLD_NOW)) {
		printf("libstdc++ is there from the start: this tests nothing\n");
		return 1;
	}
	for (int round = 0; round < 3; round++)
		if (open_and_check(argv[1], flags) != 0)
			return 1;
	return 0;
}
