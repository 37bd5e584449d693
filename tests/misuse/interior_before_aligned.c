// expect: interior pointer|pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	char *p = aligned_alloc(1 << 20, 1 << 19);

	free(show(p + (-4096)));
	_exit(0);
}
