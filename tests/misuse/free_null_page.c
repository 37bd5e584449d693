// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((void *)16));
	_exit(0);
}
