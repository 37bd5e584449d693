// expect: misaligned pointer (free)
// Objects of at most 8 bytes are aligned to 8, never to 4.
#include "misuse.h"

int main(void)
{
	char *p = malloc(8);

	free(show(p + 4));
	_exit(0);
}
