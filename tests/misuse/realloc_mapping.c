// expect: pointer never allocated (realloc)
#include "misuse.h"

int main(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	p = realloc(show(p), 40);
	_exit(0);
}
