// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(200 * 1024);

	free(show(p + 4096));
	_exit(0);
}
