// expect: pointer never allocated (lm_vfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	static char buffer[64] __attribute__((aligned(16)));
	
	lm_vfree(show(buffer));
	_exit(0);
}
