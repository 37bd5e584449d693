/*
 * region.c - a region as a program uses it: a line of text at a time is taken apart into words, and all is dropped by a
 * mark; nothing is lost.
 */
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 3000, WORDS = 400 };

static void take_apart(struct lm_region *region, int line)
{
	char **words = lm_region_alloc(region, WORDS * sizeof(char *));
	MUST(words != NULL);
	for (int i = 0; i < WORDS; i++) {
		char word[64];
		snprintf(word, sizeof(word), "word %d of line %d", i, line);
		words[i] = lm_region_strdup(region, word);
		MUST(words[i] != NULL && words[i] != word);
	}
	double *numbers = lm_region_aligned(region, 64, 1000 * sizeof(double));
	MUST(numbers != NULL && (uintptr_t)numbers % 64 == 0);
	memset(numbers, 0, 1000 * sizeof(double));
	for (int i = 0; i < WORDS; i++) {
		char word[64];
		snprintf(word, sizeof(word), "word %d of line %d", i, line);
		MUST(strcmp(words[i], word) == 0);
	}
}

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	MUST(region != NULL && lm_region_used(region) == 0);
	char *kept = lm_region_strdup(region, "kept over all lines");
	struct lm_region_mark mark = lm_region_mark(region);
	size_t used = lm_region_used(region);
	struct mallinfo2 before = mallinfo2();
	for (int line = 0; line < LINES; line++) {
		take_apart(region, line);
		lm_region_release(region, mark);
		MUST(lm_region_used(region) == used && strcmp(kept, "kept over all lines") == 0);
	}
	struct mallinfo2 after = mallinfo2();
	MUST(after.uordblks + after.hblkhd <= before.uordblks + before.hblkhd + 65536);
	MUST(after.arena <= before.arena + (1 << 20));
	lm_region_reset(region);
	MUST(lm_region_used(region) == 0);
	errno = 0;
	MUST(lm_region_alloc(region, SIZE_MAX) == NULL && errno == ENOMEM);
	MUST(lm_region_alloc(region, 0) != NULL);
	lm_region_destroy(region);
	lm_region_destroy(NULL);
	return 0;
}
