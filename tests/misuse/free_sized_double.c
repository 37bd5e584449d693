// expect: double free (free_sized)
#include "misuse.h"

int main(void)
{
	char *p = show(malloc(64));

	find_free_sized()(p, 64);
	find_free_sized()(p, 64);
	_exit(0);
}
