// stops: libmalloc: out of memory: 9223372036854775807 bytes, and no C++ library to throw std::bad_alloc (operator new)
#include "misuse.h"

int main(void)
{
	void *(*operator_new)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "_Znwm");

	_exit(operator_new == NULL || operator_new(SIZE_MAX / 2) == NULL);
}
