/*
 * slabinfo.c - lm_slabinfo (libmalloc/report.h): a line for each size class in use and each object cache, as in
 * /proc/slabinfo (slabinfo(5)).
 *
 *      malloc-64            120    256     64   64    1 : tunables  250  125    0 : slabdata      4      4      0
 *      name              active    num   size per slab             limit batch shared    active    num  shared
 *                       objects          bytes objs pages          of magazines           slabs          avail
 *
 * limit is what a thread's two magazines hold, batchcount one of them, sharedavail the objects in the depot. Caches
 * that share slabs have a line each, with the same numbers.
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "control/statistics.h"
#include "slab/object_cache.h"
#include "slab/thread_cache.h"

#include <libmalloc/report.h>

#include <string.h>

enum { NAME_COLUMNS = 17, DIGITS_MAX = 20 };

/* What was written, and how much there would have been. */
struct writer {
	char *buffer;
	size_t size;
	size_t length;
};

static void add(struct writer *writer, const char *text, size_t length)
{
	if (writer->length < writer->size)
		memcpy(writer->buffer + writer->length, text, size_min(length, writer->size - writer->length));
	writer->length += length;
}

static void add_text(struct writer *writer, const char *text) { add(writer, text, strlen(text)); }

static void add_blanks(struct writer *writer, size_t have, size_t columns)
{
	for (; have < columns; have++)
		add(writer, " ", 1);
}

/* A character, and the number at the right of so many columns. */
static void add_number_after(struct writer *writer, char before, size_t value, size_t columns)
{
	char digits[DIGITS_MAX];
	size_t count = 0;
	do {
		digits[DIGITS_MAX - ++count] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	add(writer, &before, 1);
	add_blanks(writer, count, columns);
	add(writer, digits + DIGITS_MAX - count, count);
}

static void add_number(struct writer *writer, size_t value, size_t columns)
{
	add_number_after(writer, ' ', value, columns);
}

static void add_line(struct writer *writer, const char *name, unsigned id, const struct class_statistics *now)
{
	const struct size_class *class = &size_classes[id];
	bool has_magazines = caches[id].kind == NULL || !object_cache_is_checked(caches[id].kind);
	size_t slots = has_magazines ? class->magazine_slots : 0;
	add_text(writer, name);
	add_blanks(writer, strlen(name), NAME_COLUMNS);
	add_number(writer, now->live, 6);
	add_number(writer, now->slabs * class->objects, 6);
	add_number(writer, class->bytes, 6);
	add_number(writer, class->objects, 4);
	add_number(writer, class->pages, 4);
	add_text(writer, " : tunables");
	add_number(writer, slots * 2, 4);
	add_number(writer, slots, 4);
	add_number(writer, 0, 4);
	add_text(writer, " : slabdata");
	add_number(writer, now->slabs - now->empty_slabs, 6);
	add_number(writer, now->slabs, 6);
	add_number(writer, now->in_depot, 6);
	add_text(writer, "\n");
}

/* malloc-64, as the kernel's kmalloc-64. */
static void add_class(struct writer *writer, unsigned c, size_t in_threads)
{
	struct class_statistics now;
	char name[NAME_COLUMNS] = {0};
	struct writer name_writer = {.buffer = name, .size = sizeof(name) - 1};
	statistics_collect_class(&now, c, in_threads);
	if (now.slabs == 0)
		return;
	add_text(&name_writer, "malloc");
	add_number_after(&name_writer, '-', size_classes[c].bytes, 0);
	add_line(writer, name, c, &now);
}

static void add_cache(unsigned id, void *argument)
{
	struct class_statistics now;
	statistics_collect_class(&now, id, object_bins_count(id));
	for (const struct lm_cache *cache = caches[id].kind->handles; cache != NULL; cache = cache->next)
		add_line(argument, cache->name, id, &now);
}

LM_EXPORT size_t lm_slabinfo(char *buffer, size_t size)
{
	size_t in_threads[CLASS_COUNT] = {0};
	struct writer writer = {.buffer = buffer, .size = size == 0 ? 0 : size - 1};
	thread_cache_count_objects(in_threads);
	add_text(&writer, "slabinfo - version: 2.1\n"
			  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
			  " : tunables <limit> <batchcount> <sharedfactor>"
			  " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		add_class(&writer, c, in_threads[c]);
	object_caches_for_each(add_cache, &writer);
	if (size != 0)
		buffer[size_min(writer.length, size - 1)] = '\0';
	return writer.length;
}
