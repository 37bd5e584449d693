// stops: libmalloc: static per-CPU variables of a module: more than LM_PERCPU_STATIC_MAX bytes
#include "misuse.h"
#include <libmalloc.h>

// The program is stopped before main, by the constructor that the variable brings.
LM_DEFINE_PER_CPU(char[LM_PERCPU_STATIC_MAX + 1], large);

int main(void)
{
	_exit(lm_percpu_this(&large) == NULL);
}
