// expect: double free (free)
#include "misuse.h"

int main(void)
{
	char *p = show(calloc(10, 10));

	free(p);
	free(p);
	_exit(0);
}
