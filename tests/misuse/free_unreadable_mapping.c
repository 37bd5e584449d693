// expect: pointer never allocated (free)
// A look at the pointer's surroundings would be fatal.
#include "misuse.h"

int main(void)
{
	char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	free(show(p + 4096));
	_exit(0);
}
