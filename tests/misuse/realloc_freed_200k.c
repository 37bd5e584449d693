// expect: block already freed|pointer never allocated (realloc)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(200 * 1024));

	free(p);
	p = realloc(p, 300 * 1024);
	_exit(0);
}
