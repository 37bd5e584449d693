// expect: per-CPU pointer already freed (lm_percpu_sum)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_sum((int64_t *)(void *)show(freed_percpu()));
	_exit(0);
}
