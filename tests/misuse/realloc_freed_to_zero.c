// expect: block already freed (realloc)
// realloc to 0 bytes frees.
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));

	free(p);
	p = realloc(p, 0);
	_exit(0);
}
