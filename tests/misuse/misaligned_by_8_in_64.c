// expect: misaligned pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(64);

	free(show(p + 8));
	_exit(0);
}
