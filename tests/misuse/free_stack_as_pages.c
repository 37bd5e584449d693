// expect: pointer into the stack (lm_pages_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char buffer[16];
	
	lm_pages_free(show(buffer), 0);
	_exit(0);
}
