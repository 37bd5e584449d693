// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(32);

	free(show(p + 16));
	_exit(0);
}
