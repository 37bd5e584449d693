// expect: nothing
#include "misuse.h"

int main(void)
{
	static char *p[3000];

	for (size_t i = 0; i < 3000; i++) {
		p[i] = malloc(i * i / 20);
		memset(p[i], 1, malloc_usable_size(p[i]));
	}
	for (size_t i = 0; i < 3000; i++)
		free(p[i * 7 % 3000]);
	malloc_trim(0);
	return 0;
}
