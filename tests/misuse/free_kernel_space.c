// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)0xffff888000000000));
	_exit(0);
}
