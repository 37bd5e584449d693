// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p, 8192);
	free(show(p + 16));
	_exit(0);
}
