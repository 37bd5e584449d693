// expect: double free (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(100 * 1024));

	free(p);
	free(p);
	_exit(0);
}
