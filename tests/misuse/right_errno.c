// expect: nothing
// free keeps errno, whatever it calls.
#include "misuse.h"

int main(void)
{
	static const size_t sizes[] = { 0, 16, 1000, 20000, 100000, 200000, 10 << 20, 200 << 20 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		void *p = malloc(sizes[i]);

		errno = 4711;
		free(p);
		if (errno != 4711)
			return 1;
	}
	return 0;
}
