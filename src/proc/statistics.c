/* statistics.c - see statistics.h. */
#include "proc/statistics.h"

#include "base/bits.h"
#include "large/run.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "object/object_bin.h"
#include "object/object_cache.h"
#include "os/report.h"
#include "page/meta.h"
#include "slab/cache.h"

#include <string.h>

struct class_statistics statistics_of_class(unsigned id, size_t in_threads)
{
	struct cache *cache = &caches[id];
	struct class_statistics class;
	cache_lock(cache);
	size_t out = cache_objects_out(id);
	class.slabs = cache->slabs;
	class.empty_slabs = cache->empty_slabs + cache_count_leaving(cache);
	cache_unlock(cache);
	size_t in_depot = depot_objects(id);
	class.cached = size_min(in_threads + in_depot, out);
	class.in_depot = size_min(in_depot, class.cached);
	class.live = out - class.cached;
	class.free = class.slabs * size_classes[id].objects - out;
	if (DEBUG_CHECKS && (out > class.slabs * size_classes[id].objects || class.empty_slabs > class.slabs))
		report_internal("statistics: a class has more objects out, or empty slabs, than there are");
	return class;
}

/* The sums over all classes and object caches gain one. */
static void add_to_sums(struct statistics *statistics, unsigned id, const struct class_statistics *class)
{
	const struct size_class *layout = &size_classes[id];
	size_t slab_bytes = (size_t)layout->pages << PAGE_SHIFT;
	size_t end_bytes = slab_bytes - (size_t)layout->objects * layout->bytes;
	statistics->live_bytes += class->live * layout->bytes;
	statistics->cached_bytes += class->cached * layout->bytes;
	statistics->free_bytes += class->free * layout->bytes;
	statistics->cached_objects += class->cached;
	statistics->free_objects += class->free;
	statistics->waste_ends += end_bytes == 0 ? 0 : class->slabs;
	statistics->waste_bytes += class->slabs * end_bytes;
	statistics->slab_bytes += class->slabs * slab_bytes;
}

static void collect_objects(unsigned id, void *argument)
{
	struct statistics *statistics = argument;
	struct class_statistics *sum = &statistics->objects;
	struct class_statistics class = statistics_of_class(id, object_bins_count(id));
	add_to_sums(statistics, id, &class);
	sum->slabs += class.slabs;
	sum->live += class.live;
	sum->cached += class.cached;
	sum->free += class.free;
	statistics->objects_idle_bytes += (class.cached + class.free) * size_classes[id].bytes;
}

static void collect_slabs(struct statistics *statistics)
{
	size_t in_threads[CLASS_COUNT] = {0};
	thread_cache_count_objects(in_threads);
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		statistics->class[c] = statistics_of_class(c, in_threads[c]);
		add_to_sums(statistics, c, &statistics->class[c]);
	}
	object_caches_for_each(collect_objects, statistics);
}

struct zone_statistics statistics_of_zone(enum zone_id id)
{
	struct zone *zone = &zones[id];
	struct zone_statistics now = {.free = 0};
	lock_acquire(&zone->lock, RANK_ZONE);
	zone_settle(zone);
	for (unsigned order = 0; order < BUDDY_ORDERS; order++)
		now.blocks[order] = zone->buddy.list[BUDDY_CLEAN][order].blocks +
				    zone->buddy.list[BUDDY_DIRTY][order].blocks;
	now.free = zone->buddy.free_pages;
	now.dirty = zone->buddy.dirty_pages;
	now.isolated = zone->detached_pages;
	now.managed = zone->total_pages;
	now.managed_most = zone->total_pages_most;
	now.used = now.managed - now.free - now.isolated;
	now.top = zone->span_end - zone->run_first;
	now.first = zone->span_first;
	zone_unlock(zone);
	size_t free = 0;
	for (unsigned order = 0; DEBUG_CHECKS && order < BUDDY_ORDERS; order++)
		free += now.blocks[order] << order;
	if (DEBUG_CHECKS && (free != now.free || now.free + now.isolated > now.managed))
		report_internal("statistics: the free blocks of a zone are not its free pages");
	return now;
}

static void collect_zone(struct statistics *statistics, enum zone_id id)
{
	struct zone_statistics zone = statistics_of_zone(id);
	statistics->heap_bytes += zone.managed << PAGE_SHIFT;
	statistics->heap_bytes_most += zone.managed_most << PAGE_SHIFT;
	statistics->free_pages_bytes += zone.free << PAGE_SHIFT;
	statistics->dirty_bytes += zone.dirty << PAGE_SHIFT;
	for (unsigned order = 0; order < BUDDY_ORDERS; order++)
		statistics->free_blocks += zone.blocks[order];
	if (id == ZONE_HEAP) {
		statistics->break_bytes = zone.managed << PAGE_SHIFT;
		statistics->top_bytes = zone.top << PAGE_SHIFT;
	}
}

/*
 * Slabs, runs and zones are views of the same pages, from different moments: they become one heap. Pages that went from
 * one view to the other in between were counted twice or not at all. Those counted twice are in use. If the zones have
 * less than is in use, the heap is as large as what is in use.
 */
static void settle_views(struct statistics *statistics)
{
	size_t used_bytes = statistics->slab_bytes + statistics->run_bytes;
	statistics->heap_bytes = size_max(statistics->heap_bytes, used_bytes);
	statistics->heap_bytes_most = size_max(statistics->heap_bytes_most, statistics->heap_bytes);
	size_t unused_bytes = statistics->heap_bytes - used_bytes;
	statistics->free_pages_bytes = size_min(statistics->free_pages_bytes, unused_bytes);
	statistics->free_blocks = size_min(statistics->free_blocks, statistics->free_pages_bytes >> PAGE_SHIFT);
	statistics->top_bytes = size_min(statistics->top_bytes, statistics->free_pages_bytes);
	size_t moving_bytes = unused_bytes - statistics->free_pages_bytes;
	statistics->live_bytes += statistics->run_bytes;
	statistics->free_bytes += statistics->free_pages_bytes;
	statistics->waste_bytes += moving_bytes;
	statistics->waste_ends += moving_bytes >> PAGE_SHIFT;
	size_t idle_bytes = round_down(statistics->free_bytes + statistics->waste_bytes, PAGE_BYTES);
	statistics->dirty_bytes = size_min(statistics->dirty_bytes, idle_bytes);
}

void statistics_collect(struct statistics *statistics)
{
	memset(statistics, 0, sizeof(*statistics));
	collect_slabs(statistics);
	statistics->run_bytes = run_bytes();
	for (int id = 0; id < ZONE_COUNT; id++)
		collect_zone(statistics, (enum zone_id)id);
	statistics->dirty_bytes += cache_idle_pages() << PAGE_SHIFT;
	settle_views(statistics);
	statistics->mapped = large_cache_counts();
	statistics->metadata_bytes = meta_mapped_bytes();
	if (DEBUG_CHECKS)
		statistics_check(statistics);
}

#ifdef LM_DEBUG
static bool go_together(size_t count, size_t bytes) { return (count == 0) == (bytes == 0) && count <= bytes; }

void statistics_check(const struct statistics *now)
{
	if (now->heap_bytes != now->live_bytes + now->cached_bytes + now->free_bytes + now->waste_bytes)
		report_internal("statistics: the heap is not the sum of its parts");
	if (now->live_bytes > now->heap_bytes || now->cached_bytes > now->heap_bytes ||
	    now->free_bytes > now->heap_bytes || now->heap_bytes > now->heap_bytes_most)
		report_internal("statistics: a part is larger than the heap");
	if (now->free_pages_bytes > now->free_bytes || now->top_bytes > now->free_pages_bytes ||
	    now->dirty_bytes > now->free_bytes + now->waste_bytes || now->break_bytes > now->heap_bytes)
		report_internal("statistics: more at the top, or dirty, than is free");
	if (!go_together(now->cached_objects, now->cached_bytes) || !go_together(now->waste_ends, now->waste_bytes) ||
	    !go_together(now->free_objects + now->free_blocks, now->free_bytes) ||
	    !go_together(now->mapped.blocks, now->mapped.bytes))
		report_internal("statistics: a count and its bytes disagree");
}
#endif
