/*
 * zoneinfo.c - the zones as the kernel shows its own: lm_buddyinfo as /proc/buddyinfo, lm_zoneinfo as /proc/zoneinfo
 * (proc(5), libmalloc/report.h).
 *
 *      DMA32      ZONE_DMA32     the zone below 4 GiB (LM_DMA32)
 *      Normal     ZONE_HEAP      the brk heap: what memory usually is
 *      Movable    ZONE_MAPPED    extents from mmap, if the break cannot be raised: the last resort
 *
 * buddyinfo has a line for each zone with pages (the kernel's frag_show_print):
 *
 *      Node 0, zone   Normal      3      0      1 ...     2        free blocks of order 0, 1, 2 ... 10
 *
 * zoneinfo has a section for each zone, with the kernel's names and columns (zoneinfo_show_print), in pages of 4 KiB;
 * only the counts nr_zone_... are the library's own. lm_slabinfo(3) explains the lines.
 *
 * The first section also has the counts of all zones together. nr_slab_reclaimable: empty pages of slabs, with
 * nr_slab_unreclaimable: their other pages, nr_anon_pages: pages of runs. Over all zones
 *
 *      managed = free + nr_zone_isolated + nr_slab_reclaimable + nr_slab_unreclaimable + nr_anon_pages
 *
 * Other threads cannot break this equation: the zones are read first, and their used pages are then divided. Pages that
 * another thread is moving count as pages of slabs.
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "base/settings.h"
#include "base/text.h"
#include "large/run.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "proc/statistics.h"
#include "slab/cache.h"

#include <libmalloc/report.h>

/* In the kernel's order. */
static const struct {
	char name[8];
	enum zone_id id;
} listed[] = {{"DMA32", ZONE_DMA32}, {"Normal", ZONE_HEAP}, {"Movable", ZONE_MAPPED}};
_Static_assert(sizeof(listed) / sizeof(listed[0]) == ZONE_COUNT, "each zone is listed here");

static void add_title(struct text *text, int at) { text_format(text, "Node 0, zone %8s", listed[at].name); }

LM_EXPORT cold size_t lm_buddyinfo(char *buffer, size_t size)
{
	struct text text = text_begin(buffer, size);
	for (int at = 0; at < ZONE_COUNT; at++) {
		struct zone_statistics now = statistics_of_zone(listed[at].id);
		if (now.managed == 0)
			continue;
		add_title(&text, at);
		text_format(&text, " ");
		for (unsigned order = 0; order < BUDDY_ORDERS; order++)
			text_format(&text, "%6zu ", now.blocks[order]);
		text_format(&text, "\n");
	}
	return text_end(&text);
}

/* What the used pages of all zones are used for: anon + reclaimable + unreclaimable = used. A copy of one moment. */
struct node_numbers {
	size_t anon;
	size_t reclaimable;
	size_t unreclaimable;
};

static struct node_numbers node_numbers(size_t used)
{
	size_t anon = size_min(run_bytes() >> PAGE_SHIFT, used);
	size_t reclaimable = size_min(cache_empty_pages(), used - anon);
	return (struct node_numbers){anon, reclaimable, used - anon - reclaimable};
}

static void add_node(struct text *text, const struct node_numbers *node)
{
	text_format(text,
		    "\n  per-node stats"
		    "\n      nr_slab_reclaimable %zu"
		    "\n      nr_slab_unreclaimable %zu"
		    "\n      nr_anon_pages %zu"
		    "\n      nr_mapped    %zu",
		    node->reclaimable, node->unreclaimable, node->anon, large_cache_counts().bytes >> PAGE_SHIFT);
}

static void add_pages(struct text *text, size_t min, size_t limit, const struct zone_statistics *now)
{
	text_format(text,
		    "\n  pages free     %zu"
		    "\n        boost    0"
		    "\n        min      %zu"
		    "\n        low      %zu"
		    "\n        high     %zu"
		    "\n        promo    %zu"
		    "\n        spanned  %zu"
		    "\n        present  %zu"
		    "\n        managed  %zu"
		    "\n        cma      0"
		    "\n        protection: (0, 0, 0)",
		    now->free, min, limit / 4, limit, limit, now->managed, now->managed, now->managed);
}

/* The kernel shows no more than `pages` of a zone that has no pages. */
static void add_counts(struct text *text, const struct zone_statistics *now)
{
	if (now->managed > 0)
		text_format(text,
			    "\n      nr_free_pages %zu"
			    "\n      nr_zone_dirty %zu"
			    "\n      nr_zone_isolated %zu"
			    "\n      nr_zone_used %zu"
			    "\n  node_unreclaimable:  0"
			    "\n  start_pfn:           %zu",
			    now->free, now->dirty, now->isolated, now->used, (size_t)now->first);
	text_format(text, "\n");
}

LM_EXPORT cold size_t lm_zoneinfo(char *buffer, size_t size)
{
	struct zone_statistics zone[ZONE_COUNT];
	struct text text = text_begin(buffer, size);
	size_t used = 0;
	for (int at = 0; at < ZONE_COUNT; at++) {
		zone[at] = statistics_of_zone(listed[at].id);
		used += zone[at].used;
	}
	struct node_numbers node = node_numbers(used);
	size_t limit = purge_limit_pages(node.anon + node.unreclaimable);
	for (int at = 0; at < ZONE_COUNT; at++) {
		add_title(&text, at);
		if (at == 0)
			add_node(&text, &node);
		size_t min = listed[at].id == ZONE_HEAP ? load_relaxed(&settings.top_pad) >> PAGE_SHIFT : 0;
		add_pages(&text, min, limit, &zone[at]);
		add_counts(&text, &zone[at]);
	}
	return text_end(&text);
}
