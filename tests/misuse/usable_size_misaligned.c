// expect: misaligned pointer (malloc_usable_size)
#include "misuse.h"

int main(void)
{
	char *p = malloc(1000);

	_exit(malloc_usable_size(show(p + 8)) != 0);
}
