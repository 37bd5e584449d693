// expect: double free (free)
// Another free stands between the two; giving everything back finds the second.
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(100 * 1024));
	char *q = malloc(100 * 1024);

	free(p);
	free(q);
	free(p);
	malloc_trim(0);
	_exit(0);
}
