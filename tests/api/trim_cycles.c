/*
 * trim_cycles.c - where M_TRIM_THRESHOLD is set, a heap that is built up and freed over and over gives its addresses back
 * each time, also what the magazines would pin.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CYCLES = 5, BLOCKS = 20000, BYTES = 1000, KIB = 1024 };

static void *blocks[BLOCKS];

int main(void)
{
	mallopt(M_TRIM_THRESHOLD, 128 * KIB);
	for (int cycle = 0; cycle < CYCLES; cycle++) {
		char *before = sbrk(0);
		for (int i = 0; i < BLOCKS; i++)
			if ((blocks[i] = malloc(BYTES)) == NULL)
				return perror("malloc"), 1;
		char *most = sbrk(0);
		for (int i = 0; i < BLOCKS; i++)
			free(blocks[i]);
		char *after = sbrk(0);
		if (most - before < BLOCKS * BYTES / 2 || most - after < (most - before) / 2) {
			fprintf(stderr, "cycle %d: the break went up %td, down %td\n", cycle, most - before, most - after);
			return 1;
		}
	}
	return 0;
}
