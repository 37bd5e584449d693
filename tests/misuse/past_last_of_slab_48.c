// expect: interior pointer (free)
#include "misuse.h"

// The end of a block after which no other one begins: what is left of its slab.
int main(void)
{
	static char *p[2000];
	char *end = NULL;

	for (int i = 0; i < 2000; i++)
		p[i] = malloc(48);
	for (int i = 0; i < 2000 && end == NULL; i++)
		if ((uintptr_t)(p[i] + 48) % 16384 == 16384 - 16)
			end = p[i] + 48;
	free(p[0]);
	free(show(end));
	_exit(0);
}
