// expect: interior pointer (free_sized)
#include "misuse.h"

int main(void)
{
	char *p = malloc(20 * 1024);

	find_free_sized()(show(p + 4096), 20 * 1024);
	_exit(0);
}
