// expect: page count differs from the allocation (lm_pages_free_exact)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_pages_alloc_exact(20000, 0));
	
	lm_pages_free_exact(p, 30000);
	_exit(0);
}
