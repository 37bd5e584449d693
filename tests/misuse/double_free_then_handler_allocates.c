// expect: double free (malloc_trim|free)
// The report is written without the cache's lock.
#include "misuse.h"

int main(void)
{
	signal(SIGABRT, allocate_in_handler);
	void *volatile p = show(malloc(64));
	void *volatile q = malloc(64);
	free(p);
	free(q);
	free(p);
	malloc_trim(0);
	_exit(0);
}
