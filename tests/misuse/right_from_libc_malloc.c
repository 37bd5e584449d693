// expect: nothing
// What libc's own allocator made goes back to it.
#include "misuse.h"

typedef void *(*malloc_fn)(size_t);

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	malloc_fn libc_malloc = (malloc_fn)dlsym(libc, "malloc");

	for (size_t n = 1; n < 1 << 20; n *= 3) {
		free(libc_malloc(n));
		char *p = realloc(memset(libc_malloc(n), 'x', n), n + 100);

		if (p[0] != 'x' || p[n - 1] != 'x')
			return 1;
		free(p);
	}
	return 0;
}
