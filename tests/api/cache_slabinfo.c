/*
 * cache_slabinfo.c - lm_slabinfo: the lines of /proc/slabinfo, version 2.1, in the kernel's columns, with the numbers
 * that are known, and cut where the buffer ends.
 */
#include <libmalloc/cache.h>
#include <libmalloc/report.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "slabinfo - version: 2.1\n"
			     "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
			     " : tunables <limit> <batchcount> <sharedfactor>"
			     " : slabdata <active_slabs> <num_slabs> <sharedavail>\n";

static char text[1 << 16], cut[1 << 16];
static void *volatile block; /* volatile: compilers leave a malloc out that nobody looks at */

static void expect(int right, const char *what)
{
	if (right)
		return;
	printf("%s in:\n%s", what, text);
	exit(1);
}

struct line {
	unsigned long active, objects, size, per_slab, pages, limit, batch, shared, active_slabs, slabs, avail;
};

/* The line of a cache: it must exist, in the kernel's format. */
static struct line line_of(const char *name)
{
	struct line l;
	char start[64], again[300];
	snprintf(start, sizeof(start), "\n%s ", name);
	const char *at = strstr(text, start);
	expect(at != NULL, name);
	at++;
	int fields = sscanf(at, "%*s %lu %lu %lu %lu %lu : tunables %lu %lu %lu : slabdata %lu %lu %lu", &l.active,
			    &l.objects, &l.size, &l.per_slab, &l.pages, &l.limit, &l.batch, &l.shared, &l.active_slabs,
			    &l.slabs, &l.avail);
	expect(fields == 11, "a field is missing");
	snprintf(again, sizeof(again),
		 "%-17s %6lu %6lu %6lu %4lu %4lu : tunables %4lu %4lu %4lu : slabdata %6lu %6lu %6lu\n", name, l.active,
		 l.objects, l.size, l.per_slab, l.pages, l.limit, l.batch, l.shared, l.active_slabs, l.slabs, l.avail);
	expect(strncmp(at, again, strlen(again)) == 0, "not the kernel's columns");
	return l;
}

int main(void)
{
	void *objects[1000];
	struct lm_cache *plain = lm_cache_create("plain", 200, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	struct lm_cache *checked = lm_cache_create("a-name-of-more-than-17", 200, 0, LM_CACHE_RED_ZONE, NULL, NULL);

	setvbuf(stdout, NULL, _IONBF, 0);
	block = malloc(4000);
	lm_cache_alloc_bulk(plain, 1000, objects);
	lm_cache_free_bulk(plain, 100, objects);
	lm_cache_free(checked, lm_cache_alloc(checked));
	size_t length = lm_slabinfo(text, sizeof(text));
	expect(length == strlen(text) && strncmp(text, header, strlen(header)) == 0, "wrong header or length");
	struct line l = line_of("plain");
	expect(l.active == 900 && l.objects == l.slabs * l.per_slab && l.size == 208 && l.slabs >= l.active_slabs,
	       "wrong numbers of plain");
	l = line_of("a-name-of-more-than-17");
	expect(l.active == 0 && l.slabs == 1 && l.active_slabs == 0 && l.limit == 0, "wrong numbers of the checked");
	l = line_of("malloc-4096");
	expect(l.active >= 1 && l.size == 4096, "wrong numbers of malloc-4096");
	for (size_t size = 0; size < length + 10; size += 7) {
		memset(cut, '#', sizeof(cut));
		size_t had = size == 0 ? 0 : size <= length ? size - 1 : length;
		expect(lm_slabinfo(cut, size) == length, "the length depends on the buffer");
		expect(memcmp(cut, text, had) == 0 && (size == 0 || cut[had] == '\0') && cut[size] == '#', "cut badly");
	}
	expect(lm_slabinfo(NULL, 0) == length, "no length without a buffer");
	free(block);
	return 0;
}
