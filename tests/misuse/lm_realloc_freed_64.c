// expect: block already freed (lm_realloc)
#include "misuse.h"

typedef void *(*realloc_fn)(void *, size_t, unsigned);

int main(void)
{
	realloc_fn realloc_flags = (realloc_fn)dlsym(RTLD_DEFAULT, "lm_realloc");
	char *p = malloc(64);

	free(p);
	realloc_flags(show(p), 100, 1);
	_exit(0);
}
