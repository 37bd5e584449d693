// expect: interior pointer (free)
#include "misuse.h"

int main(void)
{
	char *p = aligned_alloc(4096, 8192);

	free(show(p + 4096));
	_exit(0);
}
