// expect: double free (free)
#include "misuse.h"

/* The mapping went back to the system, and is remembered for a while. */
int main(void)
{
	char *p = show(malloc(10 << 20));

	free(p);
	free(p);
	_exit(0);
}
