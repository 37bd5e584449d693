// expect: double free (free)
#include "misuse.h"
#include <new>

int main(void)
{
	char *p = show(operator new(64));

	operator delete(p);
	operator delete(p);
	_exit(0);
}
