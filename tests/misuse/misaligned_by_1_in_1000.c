// expect: misaligned pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(1000);

	free(show(p + 1));
	_exit(0);
}
