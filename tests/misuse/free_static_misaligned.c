// expect: pointer never allocated (free)
// Not ours comes before misaligned.
#include "misuse.h"

static _Alignas(16) char fixed[64];

int main(void)
{
	free(show(fixed + 1));
	_exit(0);
}
