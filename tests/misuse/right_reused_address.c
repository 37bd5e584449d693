// expect: nothing
// An address that was freed, handed out again and freed again is no double free.
#include "misuse.h"

int main(void)
{
	void *first = malloc(64), *p = first;

	for (int i = 0; i < 100000; i++) {
		free(p);
		p = malloc(64);
	}
	free(p);
	malloc_trim(0);
	return 0;
}
