// expect: interior pointer (free)
#include "misuse.h"
#include <new>

int main(void)
{
	char *p = new char[1000];

	operator delete(show(p + 16));
	_exit(0);
}
