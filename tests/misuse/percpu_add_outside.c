// expect: per-CPU pointer outside of its slots (lm_percpu_add)
// The counter behind the last one.
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_add((int64_t *)(void *)show((char *)lm_percpu_alloc(64, 64) + 64), 1);
	_exit(0);
}
