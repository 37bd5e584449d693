// expect: double free (free)
#include "misuse.h"

int main(void)
{
	char *p = show(aligned_alloc(4096, 8192));

	free(p);
	free(p);
	_exit(0);
}
