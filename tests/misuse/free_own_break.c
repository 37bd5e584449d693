// expect: pointer never allocated (free)
// The program moved the break itself; what it got is not ours.
#include "misuse.h"

int main(void)
{
	char *p = malloc(64);

	p = sbrk(65536);
	free(show(p));
	_exit(0);
}
