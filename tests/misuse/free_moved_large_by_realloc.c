// expect: double free|pointer never allocated (free)
// A mapping above it keeps the block from growing in place.
#include "misuse.h"

int main(void)
{
	char *wall = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *p = malloc(1 << 20);

	for (size_t n = 2; n < 4096 && wall != MAP_FAILED; n *= 2) {
		char *q = realloc(p, n << 20);

		if (q != p) {
			show(p);
			free(p);
		}
		p = q;
	}
	_exit(0);
}
