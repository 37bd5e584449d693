// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	free(show(p));
	_exit(0);
}
