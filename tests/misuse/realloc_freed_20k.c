// expect: block already freed (realloc)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(20 * 1024));

	free(p);
	p = realloc(p, 50 * 1024);
	malloc_trim(0);
	_exit(0);
}
