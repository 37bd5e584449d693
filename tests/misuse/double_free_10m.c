// expect: double free|pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(10 << 20));

	free(p);
	free(p);
	_exit(0);
}
