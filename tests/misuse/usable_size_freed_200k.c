// expect: block already freed|pointer never allocated (malloc_usable_size)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(200 * 1024));

	free(p);
	_exit(malloc_usable_size(p) != 0);
}
