// expect: pointer never allocated (free)
#include "misuse.h"

typedef void *(*alloc_fn)(size_t, size_t);

int main(void)
{
	alloc_fn percpu_alloc = (alloc_fn)dlsym(RTLD_DEFAULT, "lm_percpu_alloc");

	free(show(percpu_alloc(100, 0)));
	_exit(0);
}
