// expect: interior pointer (free)
#include "misuse.h"
#include <new>

int main(void)
{
	char *p = show((char *)operator new(8192, std::align_val_t(4096)) + 4096);

	operator delete(p, std::align_val_t(4096));
	_exit(0);
}
