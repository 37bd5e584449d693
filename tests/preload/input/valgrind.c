/* A program for memcheck: every kind of allocation, contents checked, and the mistakes that its argument asks for. */

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 400, ROUNDS = 20000 };

static uint32_t state = 1;

static uint32_t below(uint32_t n)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % n;
}

static unsigned char *allocate(size_t size)
{
	void *p = NULL;
	switch (below(5)) {
	case 0: p = malloc(size); break;
	case 1: p = calloc(size, 1); break;
	case 2: p = realloc(NULL, size); break;
	case 3: p = aligned_alloc(64, (size + 63) / 64 * 64); break;
	default: return posix_memalign(&p, 4096, size) == 0 ? p : NULL;
	}
	return p;
}

static unsigned churn(void)
{
	static unsigned char *slot[SLOTS];
	static size_t size[SLOTS];
	unsigned wrong = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned k = below(SLOTS);
		for (size_t j = 0; slot[k] && j < size[k]; j += 1 + size[k] / 8)
			wrong += slot[k][j] != (unsigned char)k;
		if (slot[k] && below(3) == 0) {
			size_t grown = size[k] * 2 % 50000 + 1;
			unsigned char *moved = realloc(slot[k], grown);
			if (!moved)
				abort();
			slot[k] = moved;
			size[k] = grown;
		} else {
			free(slot[k]);
			size[k] = 1 + below(below(100) ? 2000 : 200000);
			slot[k] = allocate(size[k]);
			if (!slot[k])
				abort();
		}
		memset(slot[k], (int)k, size[k]);
	}
	for (unsigned k = 0; k < SLOTS; k++) {
		for (size_t j = 0; slot[k] && j < size[k]; j++)
			wrong += slot[k][j] != (unsigned char)k;
		free(slot[k]);
	}
	for (unsigned i = 0; i < 2000; i++) {
		unsigned char *zero = calloc(7, 1 + i % 300);
		for (size_t j = 0; zero && j < 7 * (1 + i % 300); j++)
			wrong += zero[j] != 0;
		free(zero);
	}
	return wrong;
}

int main(int argc, char **argv)
{
	const char *mistake = argc > 1 ? argv[1] : "";
	printf("%u bytes were wrong\n", churn());
	char *block = malloc(100);
	if (!block)
		return 1;
	memset(block, 'b', 100);
	volatile char *written = block;
	if (strcmp(mistake, "overrun") == 0)
		written[100] = 'x';
	if (strcmp(mistake, "leak") == 0)
		block = NULL;
	free(block);
	if (strcmp(mistake, "use") == 0)
		written[50] = 'x';
	return 0;
}
