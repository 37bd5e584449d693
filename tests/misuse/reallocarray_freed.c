// expect: block already freed (realloc)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));

	free(p);
	p = reallocarray(p, 100, 100);
	malloc_trim(0);
	_exit(0);
}
