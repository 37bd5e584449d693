/*
 * zones.c - lm_buddyinfo and lm_zoneinfo, read as programs read /proc: they agree with each other, and change with pages.
 */
#define _GNU_SOURCE
#include "must.h"

#include <libmalloc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char text[16384];

/* Free pages of all zones by the buddy's lines. */
static size_t free_pages(void)
{
	size_t sum = 0;
	MUST(lm_buddyinfo(text, sizeof(text)) == strlen(text));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		char zone[16];
		size_t n[11];
		MUST(sscanf(line, "Node 0, zone %15s %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu", zone, &n[0], &n[1], &n[2],
			    &n[3], &n[4], &n[5], &n[6], &n[7], &n[8], &n[9], &n[10]) == 12);
		for (int order = 0; order <= 10; order++)
			sum += n[order] << order;
	}
	return sum;
}

/* The sum of a line over all zones. */
static size_t sum_of(const char *name)
{
	size_t sum = 0;
	MUST(lm_zoneinfo(text, sizeof(text)) == strlen(text));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		line += strspn(line, " ");
		if (strncmp(line, name, strlen(name)) == 0)
			sum += strtoul(line + strlen(name), NULL, 10);
	}
	return sum;
}

int main(void)
{
	void *pages[50];
	free(malloc(1));
	MUST(free_pages() == sum_of("pages free ") && free_pages() == sum_of("nr_free_pages "));
	size_t used = sum_of("nr_zone_used ");
	for (int i = 0; i < 50; i++)
		pages[i] = lm_pages_alloc(5, 0);
	MUST(sum_of("nr_zone_used ") == used + 50 * 32);
	MUST(sum_of("managed ") == sum_of("pages free ") + sum_of("nr_zone_used "));
	MUST(free_pages() == sum_of("pages free "));
	for (int i = 0; i < 50; i++)
		lm_pages_free(pages[i], 5);
	/* The heap's range at the break alone has a first page here. */
	char *low = lm_malloc(1000, LM_DMA32);
	MUST(low != NULL && sum_of("start_pfn: ") != 0);
	MUST(sum_of("start_pfn: ") <= (size_t)sbrk(0) / LM_PAGE_SIZE);
	free(low);
	used = sum_of("nr_zone_used ");
	MUST(sum_of("nr_zone_used ") == used);
	MUST(lm_buddyinfo(NULL, 0) == lm_buddyinfo(text, 10) && strlen(text) == 9);
	return 0;
}
