// stops: libmalloc: no such CPU: ADDRESS (lm_percpu_ptr)
// ADDRESS is what the program prints: here two numbers.
#include "misuse.h"

typedef void *(*alloc_fn)(size_t, size_t);
typedef void *(*ptr_fn)(const void *, unsigned);
typedef unsigned (*cpus_fn)(void);

int main(void)
{
	alloc_fn percpu_alloc = (alloc_fn)dlsym(RTLD_DEFAULT, "lm_percpu_alloc");
	ptr_fn percpu_ptr = (ptr_fn)dlsym(RTLD_DEFAULT, "lm_percpu_ptr");
	cpus_fn percpu_cpus = (cpus_fn)dlsym(RTLD_DEFAULT, "lm_percpu_cpus");
	void *percpu = percpu_alloc(8, 0);

	percpu_ptr(percpu, percpu_cpus() - 1);
	dprintf(STDOUT_FILENO, "%u, there are %u\n", percpu_cpus() + 5, percpu_cpus());
	percpu_ptr(percpu, percpu_cpus() + 5);
	_exit(0);
}
