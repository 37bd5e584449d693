// expect: double free|pointer never allocated (free)
// All slabs are empty and their pages went back before the second free.
#include "misuse.h"

static char *p[10000];

int main(void)
{
	for (int i = 0; i < 10000; i++)
		p[i] = malloc(64);
	show(p[5000]);
	for (int i = 0; i < 10000; i++)
		free(p[i]);
	malloc_trim(0);
	free(p[5000]);
	malloc_trim(0);
	_exit(0);
}
