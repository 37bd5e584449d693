// expect: double free (lm_pages_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_pages_alloc(3, 0));
	
	lm_pages_free(p, 3);
	lm_pages_free(p, 3);
	_exit(0);
}
