// expect: double free|pointer never allocated (free)
// Another free stands between the two; giving everything back finds the second.
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(10 << 20));
	char *q = malloc(10 << 20);

	free(p);
	free(q);
	free(p);
	malloc_trim(0);
	_exit(0);
}
