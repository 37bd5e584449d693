// expect: double free (free)
// Two live threads hold the same freed object, until the second one ends.
#include "misuse.h"

static void *free_it(void *p)
{
	free(p);
	malloc_trim(0);
	return NULL;
}

static void *free_it_too(void *p)
{
	free(p);
	in_thread(free_it, p);
	return NULL;
}

int main(void)
{
	in_thread(free_it_too, show(malloc(64)));
	_exit(0);
}
