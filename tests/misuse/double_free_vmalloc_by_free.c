// expect: double free (free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_vmalloc(100000));
	
	free(p);
	free(p);
	_exit(0);
}
