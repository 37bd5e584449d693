// expect: misaligned pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(20 * 1024);

	free(show(p + 8));
	_exit(0);
}
