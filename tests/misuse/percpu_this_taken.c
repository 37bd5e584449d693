// expect: per-CPU pointer already freed (lm_percpu_this)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_this(show(taken_percpu()));
	_exit(0);
}
