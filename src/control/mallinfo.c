/*
 * mallinfo.c - mallinfo(3) and mallinfo2, malloc_stats(3), malloc_info(3).
 *
 * glibc's fields as they read here: arena is the heap, hblks and hblkhd the blocks with a mapping of their own;
 * uordblks
 * is what the program holds of the heap, fordblks the rest, objects in magazines included, which fsmblks counts.
 */
#include "control/statistics.h"
#include "base/compiler.h"
#include "base/syscall.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

/* mallinfo2(3). */
LM_EXPORT struct mallinfo2 mallinfo2(void)
{
	struct statistics now;
	statistics_collect(&now);
	return (struct mallinfo2){
		.arena = now.heap_bytes,
		.ordblks = now.free_blocks,
		.hblks = now.mapped_blocks,
		.hblkhd = now.mapped_bytes,
		.fsmblks = now.cached_bytes,
		.uordblks = now.live_bytes,
		.fordblks = now.heap_bytes - now.live_bytes,
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
		.fsmblks = as_int(now.fsmblks),
		.uordblks = as_int(now.uordblks),
		.fordblks = as_int(now.fordblks),
		.keepcost = as_int(now.keepcost),
	};
}

LM_EXPORT struct mallinfo __libc_mallinfo(void) __attribute__((alias("mallinfo")));

/* A line of malloc_stats on its way: no stdio, and no cancellation point. */
enum { LINE_BYTES = 64, NAME_BYTES = 17, STDERR = 2 };

static void write_line(const char *name, size_t value, const char *end)
{
	char line[LINE_BYTES];
	size_t length = 0;
	for (; name[length] != '\0'; length++)
		line[length] = name[length];
	while (length < NAME_BYTES)
		line[length++] = ' ';
	char digits[24];
	size_t ndigits = 0;
	do {
		digits[ndigits++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	memcpy(line + length, "= ", 2);
	length += 2;
	for (size_t pad = ndigits; pad < 10; pad++)
		line[length++] = ' ';
	while (ndigits > 0)
		line[length++] = digits[--ndigits];
	for (; *end != '\0'; end++)
		line[length++] = *end;
	syscall3(SYS_write, STDERR, (long)line, (long)length);
}

static void write_text(const char *text) { syscall3(SYS_write, STDERR, (long)text, (long)strlen(text)); }

/* malloc_stats(3): glibc's form, with one arena. */
LM_EXPORT void malloc_stats(void)
{
	struct statistics now;
	statistics_collect(&now);
	write_text("Arena 0:\n");
	write_line("system bytes", now.heap_bytes, "\n");
	write_line("in use bytes", now.live_bytes, "\n");
	write_text("Total (incl. mmap):\n");
	write_line("system bytes", now.heap_bytes + now.mapped_bytes, "\n");
	write_line("in use bytes", now.live_bytes + now.mapped_bytes, "\n");
	write_line("max mmap regions", now.mapped_blocks_most, "\n");
	write_line("max mmap bytes", now.mapped_bytes_most, "\n");
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

static void print_heap(FILE *stream, const struct statistics *now)
{
	fprintf(stream, "<heap nr=\"0\">\n<sizes>\n");
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		print_class(stream, c, &now->class[c]);
	fprintf(stream, "</sizes>\n");
	fprintf(stream, "<total type=\"fast\" count=\"0\" size=\"%zu\"/>\n", now->cached_bytes);
	fprintf(stream, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n", now->free_blocks,
		now->heap_bytes - now->live_bytes - now->cached_bytes);
	fprintf(stream, "<system type=\"current\" size=\"%zu\"/>\n", now->heap_bytes);
	fprintf(stream, "<aspace type=\"total\" size=\"%zu\"/>\n", now->heap_bytes);
	fprintf(stream, "</heap>\n");
}

/* malloc_info(3). options: 0. 0, or -1 and EINVAL (options) or what writing to the stream says. */
LM_EXPORT int malloc_info(int options, FILE *stream)
{
	struct statistics now;
	if (options != 0) {
		errno = EINVAL;
		return -1;
	}
	/* Collected first: printing may allocate. */
	statistics_collect(&now);
	fprintf(stream, "<malloc version=\"1\">\n");
	print_heap(stream, &now);
	fprintf(stream, "<total type=\"fast\" count=\"0\" size=\"%zu\"/>\n", now.cached_bytes);
	fprintf(stream, "<total type=\"rest\" count=\"%zu\" size=\"%zu\"/>\n", now.free_blocks,
		now.heap_bytes - now.live_bytes - now.cached_bytes);
	fprintf(stream, "<total type=\"mmap\" count=\"%zu\" size=\"%zu\"/>\n", now.mapped_blocks, now.mapped_bytes);
	fprintf(stream, "<total type=\"dirty\" size=\"%zu\"/>\n", now.dirty_bytes);
	fprintf(stream, "<total type=\"metadata\" size=\"%zu\"/>\n", now.metadata_bytes);
	fprintf(stream, "<system type=\"current\" size=\"%zu\"/>\n", now.heap_bytes + now.mapped_bytes);
	fprintf(stream, "<aspace type=\"total\" size=\"%zu\"/>\n</malloc>\n", now.heap_bytes + now.mapped_bytes);
	return ferror(stream) ? -1 : 0;
}
