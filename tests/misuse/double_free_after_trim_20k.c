// expect: double free|pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(20 * 1024));

	free(p);
	malloc_trim(0);
	free(p);
	malloc_trim(0);
	_exit(0);
}
