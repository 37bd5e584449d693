// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(10 << 20);

	free(show(p + (5 << 20)));
	_exit(0);
}
