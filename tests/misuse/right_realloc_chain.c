// expect: nothing
#include "misuse.h"

int main(void)
{
	for (int round = 0; round < 3; round++) {
		char *p = NULL;

		for (size_t n = 1; n < 8 << 20; n += n / 3 + 1)
			p = realloc(p, n);
		for (size_t n = 8 << 20; n > 0; n -= n / 3 + 1)
			p = realloc(p, n);
		if (realloc(p, 0) != NULL)
			return 1;
	}
	malloc_trim(0);
	return 0;
}
