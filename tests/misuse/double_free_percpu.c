// expect: double free (lm_percpu_free)
#include "misuse.h"

typedef void *(*alloc_fn)(size_t, size_t);
typedef void (*free_fn)(void *);

int main(void)
{
	alloc_fn percpu_alloc = (alloc_fn)dlsym(RTLD_DEFAULT, "lm_percpu_alloc");
	free_fn percpu_free = (free_fn)dlsym(RTLD_DEFAULT, "lm_percpu_free");
	char *p = percpu_alloc(100, 0);

	percpu_free(p);
	percpu_free(show(p));
	_exit(0);
}
