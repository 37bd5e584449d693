// expect: interior pointer (realloc)
#include "misuse.h"

int main(void)
{
	char *p = malloc(1000);

	p = reallocarray(show(p + 16), 10, 10);
	_exit(0);
}
