// expect: double free (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(20 * 1024));

	free(p);
	free(p);
	_exit(0);
}
