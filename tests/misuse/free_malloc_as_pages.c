// expect: not from lm_pages_alloc (lm_pages_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(aligned_alloc(4096, 4096));
	
	lm_pages_free(p, 0);
	_exit(0);
}
