// expect: pointer never allocated|interior pointer (free)
// A block below 4 GiB: 0x20 is LM_DMA32.
#include "misuse.h"

typedef void *(*malloc_fn)(size_t, unsigned);

int main(void)
{
	malloc_fn malloc_flags = (malloc_fn)dlsym(RTLD_DEFAULT, "lm_malloc");
	char *p = malloc_flags(1 << 20, 0x20);

	free(show(p + 4096));
	_exit(0);
}
