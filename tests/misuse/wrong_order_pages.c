// expect: page count differs from the allocation (lm_pages_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_pages_alloc(3, 0));
	
	lm_pages_free(p, 2);
	_exit(0);
}
