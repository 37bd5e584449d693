// expect: double free (free)
// Another free stands between the two; giving everything back finds the second.
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));
	char *q = malloc(64);

	free(p);
	free(q);
	free(p);
	malloc_trim(0);
	_exit(0);
}
