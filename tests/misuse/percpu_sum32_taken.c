// expect: per-CPU pointer already freed (lm_percpu_sum32)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_sum32((int32_t *)(void *)show(taken_percpu()));
	_exit(0);
}
