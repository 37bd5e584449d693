// expect: per-CPU pointer already freed (lm_percpu_add32)
// A field in the middle.
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_add32((int32_t *)(void *)show((char *)taken_percpu() + 12), 1);
	_exit(0);
}
