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
#include "base/compiler.h"
#include "base/text.h"
#include "control/statistics.h"
#include "slab/object_cache.h"
#include "slab/thread_cache.h"

#include <libmalloc/report.h>

enum { NAME_COLUMNS = 17, NAME_BYTES = 24 };

/* " %*zu" */
static void add_number(struct text *text, size_t value, size_t columns)
{
	text_add(text, " ");
	text_add_number(text, value, columns);
}

static void add_line(struct text *text, const char *name, unsigned id, const struct class_statistics *now)
{
	const struct size_class *class = &size_classes[id];
	bool has_magazines = caches[id].kind == NULL || !object_cache_is_checked(caches[id].kind);
	size_t slots = has_magazines ? class->magazine_slots : 0;
	text_add_left(text, name, NAME_COLUMNS);
	add_number(text, now->live, 6);
	add_number(text, now->slabs * class->objects, 6);
	add_number(text, class->bytes, 6);
	add_number(text, class->objects, 4);
	add_number(text, class->pages, 4);
	text_add(text, " : tunables");
	add_number(text, slots * 2, 4);
	add_number(text, slots, 4);
	add_number(text, 0, 4);
	text_add(text, " : slabdata");
	add_number(text, now->slabs - now->empty_slabs, 6);
	add_number(text, now->slabs, 6);
	add_number(text, now->in_depot, 6);
	text_add(text, "\n");
}

/* malloc-64, as the kernel's kmalloc-64. */
static void add_class(struct text *text, unsigned c, size_t in_threads)
{
	struct class_statistics now;
	char name[NAME_BYTES];
	struct text name_text = text_begin(name, sizeof(name));
	statistics_collect_class(&now, c, in_threads);
	if (now.slabs == 0)
		return;
	text_add(&name_text, "malloc-");
	text_add_number(&name_text, size_classes[c].bytes, 0);
	text_end(&name_text);
	add_line(text, name, c, &now);
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
	struct text text = text_begin(buffer, size);
	thread_cache_count_objects(in_threads);
	text_add(&text, "slabinfo - version: 2.1\n"
			  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
			  " : tunables <limit> <batchcount> <sharedfactor>"
			  " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		add_class(&text, c, in_threads[c]);
	object_caches_for_each(add_cache, &text);
	return text_end(&text);
}
