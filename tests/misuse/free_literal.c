// expect: pointer never allocated (free)
#include "misuse.h"

int main(void)
{
	free(show((char *)"a literal"));
	_exit(0);
}
