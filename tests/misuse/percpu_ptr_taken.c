// expect: per-CPU pointer already freed (lm_percpu_ptr)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_ptr(show(taken_percpu()), 0);
	_exit(0);
}
