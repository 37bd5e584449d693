// expect: double free (free)
// The thread's end flushes the pointer.
#include "misuse.h"

static void *misuse(void *p)
{
	char *q = malloc(64);

	free(p);
	free(q);
	free(p);
	return NULL;
}

int main(void)
{
	in_thread(misuse, show(malloc(64)));
	_exit(0);
}
