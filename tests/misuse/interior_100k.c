// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(100 * 1024);

	free(show(p + 16));
	_exit(0);
}
