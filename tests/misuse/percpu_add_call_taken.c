// expect: per-CPU pointer already freed (lm_percpu_add)
// By a call of the library's function.
#include "percpu.h"

#include <libmalloc.h>

typedef void (*add_fn)(int64_t *, int64_t);

int main(void)
{
	add_fn percpu_add = (add_fn)dlsym(RTLD_DEFAULT, "lm_percpu_add");

	percpu_add((int64_t *)(void *)show(taken_percpu()), 1);
	_exit(0);
}
