// expect: double free (free)
// Threads have no magazines: it is found at the slab, at once.
#include "misuse.h"

int main(void)
{
	mallopt(M_PERTURB, 0x55);
	char *p = show(malloc(64));
	char *q = malloc(64);
	void *volatile live = malloc(64); // keeps the slab

	free(p);
	free(q);
	free(p);
	_exit(live == NULL);
}
