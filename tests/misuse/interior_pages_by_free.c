// expect: interior pointer (free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = lm_pages_alloc(3, 0);
	
	free(show(p + LM_PAGE_SIZE));
	_exit(0);
}
