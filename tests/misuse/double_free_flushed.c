// expect: double free (free)
// Nobody calls malloc_trim: the frees that follow flush the pointer.
#include "misuse.h"

static char *later[2000];

int main(void)
{
	char *p = show(malloc(64));
	char *q = malloc(64);

	for (int i = 0; i < 2000; i++)
		later[i] = malloc(64);
	free(p);
	free(q);
	free(p);
	for (int i = 0; i < 2000; i++)
		free(later[i]);
	_exit(0);
}
