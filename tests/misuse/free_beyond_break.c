// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = malloc(64);

	p = (char *)(((uintptr_t)sbrk(0) + (1 << 30)) & ~(uintptr_t)15);
	free(show(p));
	_exit(0);
}
