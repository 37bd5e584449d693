/*
 * pair.c - malloc and free in a loop and nothing else, for instructions.sh to count.
 *
 *      pair BYTES LOOPS
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	size_t bytes = strtoul(argv[1], NULL, 10);
	for (long loops = atol(argv[2]); loops > 0; loops--) {
		void *volatile block = malloc(bytes);
		free(block);
	}
	return 0;
}
