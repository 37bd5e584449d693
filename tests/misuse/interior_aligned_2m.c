// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = aligned_alloc(1 << 20, 2 << 20);

	free(show(p + (1 << 20)));
	_exit(0);
}
