// expect: pointer into the stack (free)
#include "misuse.h"
#include <new>

int main(void)
{
	alignas(16) char local[64];

	operator delete(show(local));
	_exit(0);
}
