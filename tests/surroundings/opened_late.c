/* The library opened with dlopen by a program whose threads have long used libc's malloc, as a language's foreign
 * function interface or a plugin does. There may be little room left in the static TLS block. Pointers of
 * both sides exist; libc's may reach our free. Threads that used the library end after its dlclose.
 *
 * opened_late FILE global|local
 */
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

#define THREADS 4
#define BLOCKS 1000

static struct {
	void *(*malloc)(size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	size_t (*usable_size)(void *);
} late;

static pthread_barrier_t opened, used, closed;

static void *function(void *handle, const char *name)
{
	void *address = dlsym(handle, name);

	CHECK(address);
	return address;
}

static void *open_library(const char *path, int flags)
{
	void *handle = dlopen(path, flags);

	if (!handle)
		fprintf(stderr, "%s\n", dlerror());
	CHECK(handle);
	*(void **)&late.malloc = function(handle, "malloc");
	*(void **)&late.realloc = function(handle, "realloc");
	*(void **)&late.free = function(handle, "free");
	*(void **)&late.usable_size = function(handle, "malloc_usable_size");
	return handle;
}

static void use_both(char **of_libc)
{
	static const size_t sizes[] = {24, 1000, 20000, 300000};

	for (int i = 0; i < BLOCKS; i++) {
		size_t size = sizes[i % 4];
		char *p = late.malloc(size);
		CHECK(p && late.usable_size(p) >= size);
		memset(p, i, size);
		CHECK((p = late.realloc(p, size * 2)) && p[size - 1] == (char)i);
		CHECK(of_libc[i][0] == (char)i);
		CHECK(late.usable_size(of_libc[i]) >= 500);
		if (i % 3 == 0)
			late.free(of_libc[i]);
		else if (i % 3 == 1)
			free(of_libc[i]);
		else
			CHECK((of_libc[i] = late.realloc(of_libc[i], 900)) && of_libc[i][499] == (char)i);
		late.free(p);
	}
	for (int i = 2; i < BLOCKS; i += 3)
		late.free(of_libc[i]);
}

static void *thread(void *unused)
{
	char **of_libc = malloc(BLOCKS * sizeof *of_libc);

	(void)unused;
	for (int i = 0; i < BLOCKS; i++) {
		of_libc[i] = malloc(500);
		memset(of_libc[i], i, 500);
	}
	pthread_barrier_wait(&opened);
	use_both(of_libc);
	pthread_barrier_wait(&used);
	pthread_barrier_wait(&closed);
	free(of_libc);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	char **of_libc = malloc(BLOCKS * sizeof *of_libc);

	CHECK(argc == 3);
	int flags = RTLD_NOW | (strcmp(argv[2], "global") ? RTLD_LOCAL : RTLD_GLOBAL);
	pthread_barrier_init(&opened, NULL, THREADS + 1);
	pthread_barrier_init(&used, NULL, THREADS + 1);
	pthread_barrier_init(&closed, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
	for (int i = 0; i < BLOCKS; i++) {
		of_libc[i] = malloc(500);
		memset(of_libc[i], i, 500);
	}
	void *handle = open_library(argv[1], flags);
	pthread_barrier_wait(&opened);
	use_both(of_libc);
	pthread_barrier_wait(&used);
	CHECK(dlclose(handle) == 0);
	pthread_barrier_wait(&closed);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);

	handle = open_library(argv[1], flags);
	late.free(late.malloc(100));
	CHECK(dlclose(handle) == 0);
	free(of_libc);
	return 0;
}
