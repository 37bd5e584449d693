// expect: double free (free)
#include "misuse.h"
#include <new>

int main(void)
{
	char *p = show(operator new(64));

	operator delete(p, std::size_t(64));
	operator delete(p, std::size_t(64));
	_exit(0);
}
