// expect: nothing
// Objects of 8 bytes may lie 8 bytes apart.
#include "misuse.h"

int main(void)
{
	static char *p[10000];

	for (int i = 0; i < 10000; i++)
		p[i] = malloc(8);
	for (int i = 0; i < 10000; i++)
		if (malloc_usable_size(p[i]) < 8)
			return 1;
	for (int i = 0; i < 10000; i++)
		free(p[i]);
	malloc_trim(0);
	return 0;
}
