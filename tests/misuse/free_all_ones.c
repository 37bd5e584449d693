// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)0xffffffffffffffff));
	_exit(0);
}
