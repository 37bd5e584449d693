// stops: libmalloc: static per-CPU variables of a module: out of memory
#include "misuse.h"
#include <libmalloc.h>

static char section[LM_PERCPU_SIZE_MAX];
static struct lm_percpu_here here;

// What the constructor of a library does that is opened when there is no memory left.
int main(void)
{
	end_memory();
	while (lm_percpu_alloc(LM_PERCPU_SIZE_MAX, 0) != NULL)
		continue;
	lm_percpu_module_open(section, section + sizeof(section), &here);
	_exit(0);
}
