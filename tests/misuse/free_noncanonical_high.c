// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)0xdead000000000000));
	_exit(0);
}
