/*
 * mallinfo.c - mallinfo(3) and mallinfo2, malloc_stats(3), malloc_info(3).
 *
 * glibc's fields as they read here: arena is the heap, hblks and hblkhd the blocks with a mapping of their own;
 * uordblks is what the program holds of the heap, fordblks the rest. There are no fast bins: smblks and fsmblks
 * are 0, and the objects in magazines count among the free blocks. All of it is printed as statistics.h has it.
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "base/syscall.h"
#include "base/text.h"
#include "control/statistics.h"
#include "page/buddy.h"
#include "page/pagemap.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

/* mallinfo2(3). uordblks + fordblks = arena, whatever other threads do. */
LM_EXPORT struct mallinfo2 mallinfo2(void)
{
	struct statistics now;
	statistics_collect(&now);
	return (struct mallinfo2){
		.arena = now.heap_bytes,
		.ordblks = now.cached_objects + now.free_objects + now.free_blocks,
		.hblks = now.mapped_blocks,
		.hblkhd = now.mapped_bytes,
		.uordblks = now.live_bytes,
		.fordblks = now.cached_bytes + now.free_bytes + now.waste_bytes,
		.keepcost = now.top_bytes,
	};
}

static int as_int(size_t value) { return value > INT_MAX ? INT_MAX : (int)value; }

/* mallinfo(3): the same in ints, which stop at INT_MAX where glibc's wrap. */
LM_EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 now = mallinfo2();
	return (struct mallinfo){
		.arena = as_int(now.arena),
		.ordblks = as_int(now.ordblks),
		.hblks = as_int(now.hblks),
		.hblkhd = as_int(now.hblkhd),
		.uordblks = as_int(now.uordblks),
		.fordblks = as_int(now.fordblks),
		.keepcost = as_int(now.keepcost),
	};
}

LM_EXPORT struct mallinfo __libc_mallinfo(void) __attribute__((alias("mallinfo")));

enum { STATS_BYTES = 512, STDERR = 2 };

/* "%-17s= %10zu\n" */
static void add_line(struct text *text, const char *name, size_t value)
{
	text_add_left(text, name, 17);
	text_add(text, "= ");
	text_add_number(text, value, 10);
	text_add(text, "\n");
}

/* malloc_stats(3): glibc's form, with one arena. No stdio, and no cancellation point. */
LM_EXPORT void malloc_stats(void)
{
	struct statistics now;
	char buffer[STATS_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	statistics_collect(&now);
	text_add(&text, "Arena 0:\n");
	add_line(&text, "system bytes", now.heap_bytes);
	add_line(&text, "in use bytes", now.live_bytes);
	text_add(&text, "Total (incl. mmap):\n");
	add_line(&text, "system bytes", now.heap_bytes + now.mapped_bytes);
	add_line(&text, "in use bytes", now.live_bytes + now.mapped_bytes);
	add_line(&text, "max mmap regions", now.mapped_blocks_most);
	add_line(&text, "max mmap bytes", now.mapped_bytes_most);
	syscall3(SYS_write, STDERR, (long)buffer, (long)text_end(&text));
}

static void print_class(FILE *stream, unsigned c, const struct class_statistics *class)
{
	size_t bytes = size_classes[c].bytes;
	size_t least = c == 1 ? 0 : size_classes[c - 1].bytes + 1u;
	if (class->slabs == 0)
		return;
	fprintf(stream,
		"  <size from=\"%zu\" to=\"%zu\" total=\"%zu\" count=\"%zu\" live=\"%zu\" cached=\"%zu\" "
		"slabs=\"%zu\"/>\n",
		least, bytes, (class->free + class->cached) * bytes, class->free + class->cached, class->live,
		class->cached, class->slabs);
}

/* All object caches in one line: their objects have sizes of their own. */
static void print_objects(FILE *stream, const struct object_statistics *objects)
{
	if (objects->slabs == 0)
		return;
	fprintf(stream, "  <objects total=\"%zu\" count=\"%zu\" live=\"%zu\" cached=\"%zu\" slabs=\"%zu\"/>\n",
		objects->free.bytes + objects->cached.bytes, objects->free.count + objects->cached.count,
		objects->live.count, objects->cached.count, objects->slabs);
}

/* The free blocks of pages: free memory that is cut to no size, which glibc calls unsorted. */
static void print_pages(FILE *stream, const struct statistics *now)
{
	if (now->free_blocks == 0)
		return;
	fprintf(stream, "  <unsorted from=\"%d\" to=\"%d\" total=\"%zu\" count=\"%zu\"/>\n", PAGE_BYTES,
		BUDDY_MAX_PAGES * PAGE_BYTES, now->free_pages_bytes, now->free_blocks);
}

static void print_total(FILE *stream, const char *type, size_t count, size_t bytes)
{
	fprintf(stream, "<total type=\"%s\" count=\"%zu\" size=\"%zu\"/>\n", type, count, bytes);
}

/* The objects in magazines; what else is free, objects and blocks of pages; what is neither free nor in use. */
static void print_free(FILE *stream, const struct statistics *now)
{
	print_total(stream, "fast", now->cached_objects, now->cached_bytes);
	print_total(stream, "rest", now->free_objects + now->free_blocks, now->free_bytes);
	print_total(stream, "waste", now->waste_ends, now->waste_bytes);
}

static void print_system(FILE *stream, const struct statistics *now)
{
	fprintf(stream, "<system type=\"current\" size=\"%zu\"/>\n", now->heap_bytes);
	fprintf(stream, "<system type=\"max\" size=\"%zu\"/>\n", now->heap_bytes_most);
	fprintf(stream, "<aspace type=\"total\" size=\"%zu\"/>\n", now->heap_bytes);
	fprintf(stream, "<aspace type=\"mprotect\" size=\"%zu\"/>\n", now->heap_bytes);
}

static void print_heap(FILE *stream, const struct statistics *now)
{
	fprintf(stream, "<heap nr=\"0\">\n<sizes>\n");
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		print_class(stream, c, &now->class[c]);
	print_objects(stream, &now->objects);
	print_pages(stream, now);
	fprintf(stream, "</sizes>\n");
	print_free(stream, now);
	print_system(stream, now);
	fprintf(stream, "</heap>\n");
}

/* malloc_info(3). options: 0. 0, or EINVAL, as in glibc: errno is left alone, and the stream keeps its own errors. */
LM_EXPORT int malloc_info(int options, FILE *stream)
{
	struct statistics now;
	if (options != 0)
		return EINVAL;
	/* Collected first: printing may allocate. */
	statistics_collect(&now);
	fprintf(stream, "<malloc version=\"1\">\n");
	print_heap(stream, &now);
	print_free(stream, &now);
	print_total(stream, "mmap", now.mapped_blocks, now.mapped_bytes);
	print_total(stream, "dirty", now.dirty_bytes >> PAGE_SHIFT, now.dirty_bytes);
	print_total(stream, "metadata", round_up(now.metadata_bytes, PAGE_BYTES) >> PAGE_SHIFT, now.metadata_bytes);
	print_system(stream, &now);
	fprintf(stream, "</malloc>\n");
	return 0;
}
