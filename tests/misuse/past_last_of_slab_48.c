// expect: interior pointer (free)
#include "misuse.h"

// The end of the lowest block behind which, on its page, no other one begins: what is left of a slab.
int main(void)
{
	static char *p[2000];
	char *end = NULL;

	for (int i = 0; i < 2000; i++)
		p[i] = malloc(48);
	for (int i = 0; i < 2000; i++) {
		char *at = p[i] + 48;
		int begins = (uintptr_t)at % 4096 == 0;

		for (int j = 0; j < 2000; j++)
			begins |= p[j] == at;
		if (!begins && (end == NULL || at < end))
			end = at;
	}
	free(p[0]);
	free(show(end));
	_exit(0);
}
