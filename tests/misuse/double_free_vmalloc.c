// expect: double free (lm_vfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_vmalloc(10 << 20));
	
	lm_vfree(p);
	lm_vfree(p);
	_exit(0);
}
