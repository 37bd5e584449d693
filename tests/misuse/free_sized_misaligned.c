// expect: misaligned pointer (free_sized)
#include "misuse.h"

int main(void)
{
	char *p = malloc(64);

	find_free_sized()(show(p + 8), 64);
	_exit(0);
}
