// expect: double free (free)
// The slab lives on in its neighbours; the page of the object was given back.
#include "misuse.h"

static char *p[10000];

int main(void)
{
	for (int i = 0; i < 10000; i++)
		p[i] = malloc(64);
	show(p[5001]);
	for (int i = 0; i < 10000; i++)
		if (i % 1000 != 0)
			free(p[i]);
	malloc_trim(0);
	free(p[5001]);
	malloc_trim(0);
	_exit(0);
}
