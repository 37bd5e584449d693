// expect: nothing
// A wrong size is harmless.
#include "misuse.h"
#include <new>

int main(void)
{
	for (std::size_t size = 1; size < 1 << 20; size = size * 5 / 4 + 1) {
		operator delete(operator new(size));
		operator delete[](operator new[](size), size);
		operator delete(operator new(size), size / 2);
		operator delete(operator new(size, std::align_val_t(64)), std::align_val_t(64));
	}
	operator delete(nullptr);
	malloc_trim(0);
	return 0;
}
