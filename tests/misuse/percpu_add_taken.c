// expect: per-CPU pointer already freed (lm_percpu_add)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_add((int64_t *)(void *)show(taken_percpu()), 1);
	_exit(0);
}
