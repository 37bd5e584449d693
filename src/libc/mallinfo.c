/*
 * mallinfo.c - mallinfo(3) and mallinfo2, malloc_stats(3), malloc_info(3).
 *
 * glibc's fields mean here: arena, the heap; hblks and hblkhd, the blocks with a mapping of their own; uordblks, what
 * the program holds of the heap; fordblks, the rest. There are no fast bins: smblks and fsmblks are 0, and the objects
 * in magazines count as free blocks. All numbers are those of proc/statistics.h.
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "base/text.h"
#include "os/syscall.h"
#include "page/buddy.h"
#include "page/pagemap.h"
#include "proc/statistics.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

/* mallinfo2(3). uordblks + fordblks = arena, whatever other threads do. */
LM_EXPORT cold struct mallinfo2 mallinfo2(void)
{
	struct statistics now;
	statistics_collect(&now);
	return (struct mallinfo2){
		.arena = now.heap_bytes,
		.ordblks = now.cached_objects + now.free_objects + now.free_blocks,
		.hblks = now.mapped.blocks,
		.hblkhd = now.mapped.bytes,
		.uordblks = now.live_bytes,
		.fordblks = now.cached_bytes + now.free_bytes + now.waste_bytes,
		.keepcost = now.top_bytes,
	};
}

enum { FIELDS = sizeof(struct mallinfo) / sizeof(int) };
_Static_assert(sizeof(struct mallinfo2) == FIELDS * sizeof(size_t), "both have the same fields, in the same order");

/* mallinfo(3): the same in ints, which stop at INT_MAX; glibc's wrap. */
LM_EXPORT cold struct mallinfo mallinfo(void)
{
	struct mallinfo2 now = mallinfo2();
	struct mallinfo result;
	for (size_t i = 0; i < FIELDS; i++)
		((int *)&result)[i] = (int)size_min(((const size_t *)&now)[i], INT_MAX);
	return result;
}

LM_EXPORT struct mallinfo __libc_mallinfo(void) __attribute__((alias("mallinfo")));

enum { STATS_BYTES = 512, STDERR = 2 };

/* malloc_stats(3): glibc's form, with one arena. No stdio, and no cancellation point. */
LM_EXPORT cold void malloc_stats(void)
{
	struct statistics now;
	char buffer[STATS_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	statistics_collect(&now);
	text_format(&text,
		    "Arena 0:\n"
		    "system bytes     = %10zu\n"
		    "in use bytes     = %10zu\n"
		    "Total (incl. mmap):\n"
		    "system bytes     = %10zu\n"
		    "in use bytes     = %10zu\n"
		    "max mmap regions = %10zu\n"
		    "max mmap bytes   = %10zu\n",
		    now.heap_bytes, now.live_bytes, now.heap_bytes + now.mapped.bytes,
		    now.live_bytes + now.mapped.bytes, now.mapped.blocks_most, now.mapped.bytes_most);
	syscall3(SYS_write, STDERR, (long)buffer, (long)text_end(&text));
}

/*
 * The size classes; all object caches in one line, as their objects have sizes of their own; and the free blocks of
 * pages: free memory that is not cut yet, which glibc calls unsorted.
 */
static void print_sizes(FILE *stream, const struct statistics *now)
{
	const struct class_statistics *class;
	for (size_t c = 1, least = 0; c < CLASS_COUNT; least = size_classes[c++].bytes + 1u) {
		size_t bytes = size_classes[c].bytes;
		class = &now->class[c];
		if (class->slabs != 0)
			fprintf(stream,
				"  <size from=\"%zu\" to=\"%zu\" total=\"%zu\" count=\"%zu\" live=\"%zu\" "
				"cached=\"%zu\" slabs=\"%zu\"/>\n",
				least, bytes, (class->free + class->cached) * bytes, class->free + class->cached,
				class->live, class->cached, class->slabs);
	}
	class = &now->objects;
	if (class->slabs != 0)
		fprintf(stream, "  <objects total=\"%zu\" count=\"%zu\" live=\"%zu\" cached=\"%zu\" slabs=\"%zu\"/>\n",
			now->objects_idle_bytes, class->free + class->cached, class->live, class->cached, class->slabs);
	if (now->free_blocks != 0)
		fprintf(stream, "  <unsorted from=\"%d\" to=\"%d\" total=\"%zu\" count=\"%zu\"/>\n", PAGE_BYTES,
			BUDDY_MAX_PAGES * PAGE_BYTES, now->free_pages_bytes, now->free_blocks);
}

static void print_total(FILE *stream, const char *type, size_t count, size_t bytes)
{
	fprintf(stream, "<total type=\"%s\" count=\"%zu\" size=\"%zu\"/>\n", type, count, bytes);
}

/* fast: the objects in magazines; rest: other free objects and blocks of pages; waste: neither free nor in use. */
static void print_free(FILE *stream, const struct statistics *now)
{
	print_total(stream, "fast", now->cached_objects, now->cached_bytes);
	print_total(stream, "rest", now->free_objects + now->free_blocks, now->free_bytes);
	print_total(stream, "waste", now->waste_ends, now->waste_bytes);
}

static void print_system(FILE *stream, const struct statistics *now)
{
	fprintf(stream,
		"<system type=\"current\" size=\"%zu\"/>\n"
		"<system type=\"max\" size=\"%zu\"/>\n"
		"<aspace type=\"total\" size=\"%zu\"/>\n"
		"<aspace type=\"mprotect\" size=\"%zu\"/>\n",
		now->heap_bytes, now->heap_bytes_most, now->heap_bytes, now->heap_bytes);
}

/* malloc_info(3). options: 0. 0, or EINVAL, as in glibc: errno is left alone, and the stream keeps its own errors. */
LM_EXPORT cold int malloc_info(int options, FILE *stream)
{
	struct statistics now;
	if (options != 0)
		return EINVAL;
	/* Collected first: printing may allocate. */
	statistics_collect(&now);
	fprintf(stream, "<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n");
	print_sizes(stream, &now);
	fprintf(stream, "</sizes>\n");
	print_free(stream, &now);
	print_system(stream, &now);
	fprintf(stream, "</heap>\n");
	print_free(stream, &now);
	print_total(stream, "mmap", now.mapped.blocks, now.mapped.bytes);
	print_total(stream, "dirty", now.dirty_bytes >> PAGE_SHIFT, now.dirty_bytes);
	print_total(stream, "metadata", round_up(now.metadata_bytes, PAGE_BYTES) >> PAGE_SHIFT, now.metadata_bytes);
	print_system(stream, &now);
	fprintf(stream, "</malloc>\n");
	return 0;
}
