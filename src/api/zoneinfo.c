/*
 * zoneinfo.c - lm_zoneinfo (libmalloc/report.h): a section for each zone, as /proc/zoneinfo (proc(5)).
 *
 * The kernel's names and columns (zoneinfo_show_print), in pages of 4 KiB, where they have a meaning here; and three
 * more counts, nr_zone_...:
 *
 *      pages free        free blocks of the buddy
 *            min         what lowering the break leaves at its top (M_TOP_PAD); 0 in zones that have no break
 *            low         down to so many free dirty pages of the process a purge goes
 *            high        more free dirty pages than this make a free purge
 *            spanned, present, managed    the zone's pages; what lies between its ranges is not counted
 *      nr_free_pages     as pages free
 *      nr_zone_dirty     free pages that may hold old content, and frames
 *      nr_zone_isolated  pages that are being given back at this moment
 *      nr_zone_used      pages handed out
 *      start_pfn         the first page's number, where the zone is one range; else 0
 *
 * The first zone tells of all together, as the kernel's node: nr_slab_reclaimable, pages of empty slabs;
 * nr_slab_unreclaimable, of the other slabs; nr_anon_pages, of runs (lm_pages_alloc, large blocks without a mapping);
 * nr_mapped, of large blocks' mappings. So over all zones
 *
 *      managed = free + nr_zone_isolated + nr_slab_reclaimable + nr_slab_unreclaimable + nr_anon_pages
 *
 * whatever other threads do: the zones are read first, and how their used pages are shared out follows. Pages that
 * another thread is just moving count as the slabs'.
 */
#include "api/zones.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "base/settings.h"
#include "large/run.h"
#include "large/store.h"
#include "libmalloc/report.h"
#include "page/pagemap.h"
#include "page/purge.h"
#include "slab/cache.h"

static void add_line(struct text *text, const char *name, size_t number)
{
	text_add(text, "\n");
	text_add(text, name);
	text_add_number(text, number, 0);
}

/* "\n      %-12s %lu" */
static void add_count(struct text *text, const char *name, size_t number)
{
	text_add(text, "\n      ");
	text_add_left(text, name, 12);
	text_add(text, " ");
	text_add_number(text, number, 0);
}

/* What the used pages of all zones are used for: anon + reclaimable + unreclaimable = used. */
struct node_numbers {
	size_t used;
	size_t anon;
	size_t reclaimable;
	size_t unreclaimable;
};

static struct node_numbers node_numbers(const struct zone_numbers zone[ZONE_COUNT])
{
	struct node_numbers node = {.used = 0};
	for (int id = 0; id < ZONE_COUNT; id++)
		node.used += zone[id].used;
	node.anon = size_min(run_bytes() >> PAGE_SHIFT, node.used);
	node.reclaimable = size_min(cache_empty_pages(), node.used - node.anon);
	node.unreclaimable = node.used - node.anon - node.reclaimable;
	return node;
}

static void add_node(struct text *text, const struct node_numbers *node)
{
	text_add(text, "\n  per-node stats");
	add_count(text, "nr_slab_reclaimable", node->reclaimable);
	add_count(text, "nr_slab_unreclaimable", node->unreclaimable);
	add_count(text, "nr_anon_pages", node->anon);
	add_count(text, "nr_mapped", store_counts().bytes >> PAGE_SHIFT);
}

static void add_pages(struct text *text, enum zone_id id, const struct zone_numbers *now,
		      const struct node_numbers *node)
{
	size_t limit = purge_limit_pages(node->anon + node->unreclaimable);
	size_t pad = id == ZONE_HEAP ? setting(&settings.top_pad) >> PAGE_SHIFT : 0;
	add_line(text, "  pages free     ", now->free);
	add_line(text, "        boost    ", 0);
	add_line(text, "        min      ", pad);
	add_line(text, "        low      ", limit / 4);
	add_line(text, "        high     ", limit);
	add_line(text, "        promo    ", limit);
	add_line(text, "        spanned  ", now->managed);
	add_line(text, "        present  ", now->managed);
	add_line(text, "        managed  ", now->managed);
	add_line(text, "        cma      ", 0);
	text_add(text, "\n        protection: (0");
	for (int i = 1; i < ZONE_COUNT; i++)
		text_add(text, ", 0");
	text_add(text, ")");
}

/* As the kernel, no more than that of a zone that has no pages. */
static void add_zone(struct text *text, enum zone_id id, const struct zone_numbers *now,
		     const struct node_numbers *node)
{
	zone_add_title(text, id);
	if (id == zone_order[0])
		add_node(text, node);
	add_pages(text, id, now, node);
	if (now->managed > 0) {
		add_count(text, "nr_free_pages", now->free);
		add_count(text, "nr_zone_dirty", now->dirty);
		add_count(text, "nr_zone_isolated", now->isolated);
		add_count(text, "nr_zone_used", now->used);
		add_line(text, "  node_unreclaimable:  ", 0);
		add_line(text, "  start_pfn:           ", now->first);
	}
	text_add(text, "\n");
}

LM_EXPORT size_t lm_zoneinfo(char *buffer, size_t size)
{
	struct zone_numbers zone[ZONE_COUNT];
	struct text text = text_begin(buffer, size);
	for (int id = 0; id < ZONE_COUNT; id++)
		zone[id] = zone_numbers((enum zone_id)id);
	struct node_numbers node = node_numbers(zone);
	for (int i = 0; i < ZONE_COUNT; i++)
		add_zone(&text, zone_order[i], &zone[zone_order[i]], &node);
	return text_end(&text);
}
