// expect: pointer never allocated (malloc_usable_size)
#include "misuse.h"

static _Alignas(16) char fixed[64];

int main(void)
{
	_exit(malloc_usable_size(show(fixed)) != 0);
}
