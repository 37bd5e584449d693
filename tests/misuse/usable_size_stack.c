// expect: pointer into the stack (malloc_usable_size)
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];

	_exit(malloc_usable_size(show(local)) != 0);
}
