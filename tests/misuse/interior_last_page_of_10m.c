// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(10 << 20);

	free(show(p + (10 << 20) - 4096));
	_exit(0);
}
