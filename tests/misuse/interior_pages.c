// expect: interior pointer (lm_pages_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = lm_pages_alloc(3, 0);
	
	lm_pages_free(show(p + LM_PAGE_SIZE), 0);
	_exit(0);
}
