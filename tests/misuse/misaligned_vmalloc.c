// expect: misaligned pointer (lm_kvfree)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = lm_vmalloc(100000);
	
	lm_kvfree(show(p + 1));
	_exit(0);
}
