// expect: double free (lm_kvfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = show(lm_kvmalloc(64, 0));
	
	lm_kvfree(p);
	lm_kvfree(p);
	_exit(0);
}
