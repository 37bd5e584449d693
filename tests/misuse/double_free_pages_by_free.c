// expect: double free (free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_pages_alloc(0, 0));
	
	lm_pages_free(p, 0);
	free(p);
	_exit(0);
}
