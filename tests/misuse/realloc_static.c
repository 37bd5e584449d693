// expect: pointer never allocated (realloc)
#include "misuse.h"

static _Alignas(16) char fixed[64];

int main(void)
{
	char *p = realloc(show(fixed), 40);

	_exit(p == NULL);
}
