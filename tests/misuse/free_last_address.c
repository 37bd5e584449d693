// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)0xfffffffffffffff0));
	_exit(0);
}
