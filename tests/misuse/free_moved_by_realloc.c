// expect: double free (free)
// realloc moved the object; the old address is freed.
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));
	char *q = realloc(p, 100000);

	free(p);
	malloc_trim(0);
	_exit(q == p);
}
