// expect: pointer into the stack (free_sized)
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];

	find_free_sized()(show(local), 64);
	_exit(0);
}
