// expect: pointer never allocated (free)
#include "misuse.h"

static _Alignas(16) char fixed[64] = "data";

int main(void)
{
	free(show(fixed));
	_exit(0);
}
