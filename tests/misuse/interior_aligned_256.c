// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = aligned_alloc(64, 256);

	free(show(p + 64));
	_exit(0);
}
