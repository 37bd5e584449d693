// expect: per-CPU pointer already freed (lm_percpu_ptr)
// By the kernel's names, which take the CPU's slot.
#include "percpu.h"

#include <libmalloc.h>
#include <libmalloc/kernel.h>

int main(void)
{
	get_cpu_ptr((long *)(void *)show(freed_percpu()));
	_exit(0);
}
