// expect: block already freed (malloc_usable_size)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));

	free(p);
	_exit(malloc_usable_size(p) != 0);
}
