// expect: pointer into the stack (free)
#include "misuse.h"

int main(void)
{
	char *p = __builtin_alloca(1000);

	free(show(p));
	_exit(0);
}
