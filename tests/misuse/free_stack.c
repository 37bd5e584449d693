// expect: pointer into the stack (free)
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];

	free(show(local));
	_exit(0);
}
