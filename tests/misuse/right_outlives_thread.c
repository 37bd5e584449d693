// expect: nothing
#include "misuse.h"

static void *make(void *out)
{
	for (int i = 0; i < 5000; i++)
		((void **)out)[i] = malloc((size_t)i * 7);
	return NULL;
}

int main(void)
{
	static void *p[5000];

	in_thread(make, p);
	malloc_trim(0);
	for (int i = 0; i < 5000; i++)
		free(p[i]);
	malloc_trim(0);
	return 0;
}
