// expect: nothing
// Of what libc's own allocator made, libc knows the size.
#include "misuse.h"

typedef void *(*malloc_fn)(size_t);

int main(void)
{
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	malloc_fn libc_malloc = (malloc_fn)dlsym(libc, "malloc");

	for (size_t n = 1; n < 1 << 20; n *= 3)
		if (malloc_usable_size(libc_malloc(n)) < n)
			return 1;
	return 0;
}
