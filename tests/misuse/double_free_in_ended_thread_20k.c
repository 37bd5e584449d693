// expect: double free (free)
// A thread frees the object and ends; its maker frees it again.
#include "misuse.h"

static void *free_it(void *p)
{
	free(p);
	return NULL;
}

int main(void)
{
	char *p = show(malloc(20 * 1024));

	in_thread(free_it, p);
	free(p);
	malloc_trim(0);
	_exit(0);
}
