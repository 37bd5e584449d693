// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)0x7ffffffffff0));
	_exit(0);
}
