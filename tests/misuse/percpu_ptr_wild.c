// expect: pointer never allocated (lm_percpu_ptr)
// No chunk is there, and no memory.
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_ptr(show((void *)0x8001000012340000), 0);
	_exit(0);
}
