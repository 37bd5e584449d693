// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)1));
	_exit(0);
}
