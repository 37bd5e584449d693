// expect: nothing
#include "misuse.h"

static void *free_all(void *p)
{
	for (void **q = p; *q != NULL; q++)
		free(*q);
	return NULL;
}

int main(void)
{
	static void *p[5001];

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 5000; i++)
			p[i] = malloc(8 << (i % 12));
		in_thread(free_all, p);
	}
	malloc_trim(0);
	return 0;
}
