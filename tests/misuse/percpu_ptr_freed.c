// expect: per-CPU pointer already freed (lm_percpu_ptr)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_ptr(show(freed_percpu()), 0);
	_exit(0);
}
