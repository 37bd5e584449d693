// expect: double free|pointer never allocated (free)
// The object above the highest one was never handed out.
#include "misuse.h"

int main(void)
{
	char *highest = NULL;

	for (int i = 0; i < 100; i++) {
		char *p = malloc(64);

		highest = p > highest ? p : highest;
	}
	free(show(highest + 64));
	malloc_trim(0);
	_exit(0);
}
