// expect: pointer never allocated (free)
// The bad pointer lies in the library under test itself.
#include "misuse.h"

int main(void)
{
	free(show((void *)((uintptr_t)dlsym(RTLD_DEFAULT, "malloc") & ~(uintptr_t)15)));
	_exit(0);
}
