// expect: interior pointer (realloc)
#include "misuse.h"

int main(void)
{
	char *p = malloc(20 * 1024);

	p = realloc(show(p + 32), 40);
	_exit(0);
}
