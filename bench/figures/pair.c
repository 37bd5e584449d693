/* pair.c - `pair BYTES LOOPS`: malloc and free in a loop, for callgrind to count (see instructions() in run). */
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	size_t n = strtoul(argv[1], NULL, 10);
	for (long loops = atol(argv[2]); loops > 0; loops--) {
		void *volatile p = malloc(n);
		free(p);
	}
	return 0;
}
