// expect: not from lm_vmalloc (lm_vfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	lm_vfree(show(malloc(1000000)));
	_exit(0);
}
