/* A pointer from libc's own allocator, as code that was bound to libc hands out, passes to libc: free, realloc,
 * reallocarray and malloc_usable_size do their work on it.
 */
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static void *(*libc_malloc)(size_t);
static void *(*libc_memalign)(size_t, size_t);

static void use(char *p, size_t size)
{
	CHECK(p);
	CHECK(malloc_usable_size(p) >= size);
	memset(p, 0x33, size);
}

static void *use_all(void *unused)
{
	static const size_t sizes[] = {1, 24, 500, 20000, 100000, 1 << 20, 40 << 20};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		size_t size = sizes[i];
		char *p = libc_malloc(size);
		use(p, size);
		free(p);

		use(p = libc_malloc(size), size);
		CHECK((p = realloc(p, size * 2)) && p[size - 1] == 0x33);
		memset(p, 1, size * 2);
		CHECK((p = realloc(p, size / 2 + 1)) && p[size / 2] == 1);
		free(p);

		use(p = libc_malloc(size), size);
		CHECK((p = reallocarray(p, 2, size)) && p[size - 1] == 0x33);
		free(p);

		use(p = libc_malloc(size), size);
		CHECK(!realloc(p, 0));

		for (size_t alignment = 32; alignment <= 1 << 16; alignment *= 8) {
			use(p = libc_memalign(alignment, size), size);
			CHECK((uintptr_t)p % alignment == 0);
			free(p);
		}
		errno = 7;
		free(libc_malloc(size));
		CHECK(errno == 7);
	}
	return unused;
}

int main(void)
{
	pthread_t thread;
	void *libc = dlopen("libc.so.6", RTLD_NOW);

	CHECK(libc);
	libc_malloc = (void *(*)(size_t))dlsym(libc, "__libc_malloc");
	libc_memalign = (void *(*)(size_t, size_t))dlsym(libc, "__libc_memalign");
	CHECK(libc_malloc && libc_memalign);
	use_all(NULL);
	CHECK(pthread_create(&thread, NULL, use_all, NULL) == 0); /* libc's blocks of another arena */
	pthread_join(thread, NULL);
	return 0;
}
