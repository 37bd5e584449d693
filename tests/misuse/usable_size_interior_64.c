// expect: interior pointer (malloc_usable_size)
#include "misuse.h"

int main(void)
{
	char *p = malloc(64);

	_exit(malloc_usable_size(show(p + 32)) != 0);
}
