// expect: pointer never allocated (lm_percpu_free)
// The slot of a CPU, where the per-CPU pointer belongs.
#include "misuse.h"

typedef void *(*alloc_fn)(size_t, size_t);
typedef void *(*this_fn)(const void *);
typedef void (*free_fn)(void *);

int main(void)
{
	alloc_fn percpu_alloc = (alloc_fn)dlsym(RTLD_DEFAULT, "lm_percpu_alloc");
	this_fn percpu_this = (this_fn)dlsym(RTLD_DEFAULT, "lm_percpu_this");
	free_fn percpu_free = (free_fn)dlsym(RTLD_DEFAULT, "lm_percpu_free");

	percpu_free(show(percpu_this(percpu_alloc(100, 0))));
	_exit(0);
}
