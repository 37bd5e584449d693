// expect: per-CPU pointer already freed (lm_percpu_xchg32)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_xchg32((int32_t *)(void *)show(taken_percpu()), 1);
	_exit(0);
}
