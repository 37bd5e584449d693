// expect: interior pointer (lm_vfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = lm_vmalloc(100000);
	
	lm_vfree(show(p + 4096));
	_exit(0);
}
