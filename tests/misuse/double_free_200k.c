// expect: double free|pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(200 * 1024));

	free(p);
	free(p);
	_exit(0);
}
