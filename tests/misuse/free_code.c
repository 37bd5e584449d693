// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)((uintptr_t)main & ~(uintptr_t)15)));
	_exit(0);
}
