// expect: double free (free)
#include "misuse.h"

/* The break went down over the block; the report itself may allocate, and raise it again. */
int main(void)
{
	char *p = show(malloc(20 * 1024));

	free(p);
	malloc_trim(0);
	if (p < (char *)sbrk(0))
		return 2;
	free(p);
	_exit(0);
}
