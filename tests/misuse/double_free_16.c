// expect: double free (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(16));

	free(p);
	free(p);
	_exit(0);
}
