// expect: per-CPU pointer already freed (lm_percpu_this)
// By the kernel's names.
#include "percpu.h"

#include <libmalloc.h>
#include <libmalloc/kernel.h>

int main(void)
{
	this_cpu_inc(*(long *)(void *)show(taken_percpu()));
	_exit(0);
}
