// expect: misaligned pointer|interior pointer (free)
// new[] of objects with destructors keeps a count in front; plain delete passes the address behind it.
#include "misuse.h"
#include <new>

struct named {
	char name[24];
	~named() { name[0] = 0; }
};

int main(void)
{
	named *p = new named[10];

	operator delete(show(p));
	_exit(0);
}
