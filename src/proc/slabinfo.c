/*
 * slabinfo.c - lm_slabinfo (libmalloc/report.h): a line for each size class in use and each object cache, as in
 * /proc/slabinfo (slabinfo(5)).
 *
 *      malloc-64            120    256     64   64    1 : tunables  250  125    0 : slabdata      4      4      0
 *      name              active    num   size per slab             limit batch shared    active    num  shared
 *                       objects          bytes objs pages          of magazines           slabs          avail
 *
 * limit: objects in a thread's two magazines; batchcount: in one of them; sharedavail: in the depot. Caches that share
 * slabs have a line each, with the same numbers.
 */
#include "base/compiler.h"
#include "base/text.h"
#include "magazine/thread_cache.h"
#include "object/object_bin.h"
#include "object/object_cache.h"
#include "proc/statistics.h"
#include "slab/cache.h"

#include <libmalloc/report.h>

enum { NAME_BYTES = 24 };

static void add_line(struct text *text, const char *name, unsigned id, const struct class_statistics *now)
{
	const struct size_class *class = &size_classes[id];
	bool has_magazines = caches[id].kind == NULL || !object_cache_is_checked(caches[id].kind);
	size_t slots = has_magazines ? class->magazine_slots : 0;
	text_format(text, "%-17s %6zu %6zu %6zu %4zu %4zu : tunables %4zu %4zu    0 : slabdata %6zu %6zu %6zu\n", name,
		    now->live, now->slabs * class->objects, (size_t)class->bytes, (size_t)class->objects,
		    (size_t)class->pages, slots * 2, slots, now->slabs - now->empty_slabs, now->slabs, now->in_depot);
}

/* malloc-64, as the kernel's kmalloc-64. */
static void add_class(struct text *text, unsigned c, size_t in_threads)
{
	struct class_statistics now = statistics_of_class(c, in_threads);
	char name[NAME_BYTES];
	struct text name_text = text_begin(name, sizeof(name));
	if (now.slabs == 0)
		return;
	text_format(&name_text, "malloc-%zu", (size_t)size_classes[c].bytes);
	text_end(&name_text);
	add_line(text, name, c, &now);
}

static void add_cache(unsigned id, void *argument)
{
	struct class_statistics now = statistics_of_class(id, object_bins_count(id));
	for (const struct lm_cache *cache = caches[id].kind->handles; cache != NULL; cache = cache->next)
		add_line(argument, cache->name, id, &now);
}

LM_EXPORT cold size_t lm_slabinfo(char *buffer, size_t size)
{
	size_t in_threads[CLASS_COUNT] = {0};
	struct text text = text_begin(buffer, size);
	thread_cache_count_objects(in_threads);
	text_format(&text, "slabinfo - version: 2.1\n"
			  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
			  " : tunables <limit> <batchcount> <sharedfactor>"
			  " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		add_class(&text, c, in_threads[c]);
	object_caches_for_each(add_cache, &text);
	return text_end(&text);
}
