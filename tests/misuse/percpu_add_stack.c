// expect: pointer never allocated (lm_percpu_add)
#include "misuse.h"

typedef void (*add_fn)(int64_t *, int64_t);

int main(void)
{
	add_fn percpu_add = (add_fn)dlsym(RTLD_DEFAULT, "lm_percpu_add");
	int64_t counter = 0;

	show(&counter);
	percpu_add(&counter, 1);
	_exit(0);
}
