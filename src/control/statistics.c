/*
 * statistics.c - see statistics.h.
 */
#include "control/statistics.h"

#include "large/large.h"
#include "large/run.h"
#include "large/store.h"
#include "page/meta.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/object_cache.h"
#include "slab/thread_cache.h"

void statistics_collect_class(struct class_statistics *class, unsigned c, size_t in_threads)
{
	struct cache *cache = &caches[c];
	lock_acquire(&cache->lock, RANK_CACHE);
	size_t out = atomic_load_explicit(&cache->objects_out, memory_order_relaxed);
	class->slabs = cache->slabs;
	class->empty_slabs = cache->kind == NULL ? 0 : cache->kind->empty_slabs;
	lock_release(&cache->lock, RANK_CACHE);
	class->in_depot = atomic_load_explicit(&cache->depot.objects, memory_order_relaxed);
	size_t cached = in_threads + class->in_depot;
	class->cached = size_min(cached, out);
	class->live = out - class->cached;
	class->free = class->slabs * size_classes[c].objects - out;
}

static void collect_class(struct statistics *statistics, unsigned c, size_t in_threads)
{
	struct class_statistics *class = &statistics->class[c];
	statistics_collect_class(class, c, in_threads);
	statistics->live_bytes += class->live * size_classes[c].bytes;
	statistics->cached_bytes += class->cached * size_classes[c].bytes;
}

/* An object cache: no line of its own, but part of the sums. */
static void collect_objects(unsigned id, void *argument)
{
	struct statistics *statistics = argument;
	struct class_statistics class;
	statistics_collect_class(&class, id, object_bins_count(id));
	statistics->live_bytes += class.live * size_classes[id].bytes;
	statistics->cached_bytes += class.cached * size_classes[id].bytes;
}

static void collect_zone(struct statistics *statistics, enum zone_id id)
{
	struct zone *zone = &zones[id];
	lock_acquire(&zone->lock, RANK_ZONE);
	size_t bytes = zone->total_pages << PAGE_SHIFT;
	statistics->heap_bytes += bytes;
	if (id == ZONE_HEAP) {
		statistics->break_bytes = bytes;
		statistics->top_bytes = (zone->span_end - zone->run_first) << PAGE_SHIFT;
	}
	statistics->free_pages_bytes += zone->buddy.free_pages << PAGE_SHIFT;
	statistics->dirty_bytes += zone->buddy.dirty_pages << PAGE_SHIFT;
	for (unsigned state = 0; state < BUDDY_STATES; state++)
		for (unsigned order = 0; order < BUDDY_ORDERS; order++)
			statistics->free_blocks += zone->buddy.list[state][order].blocks;
	zone_unlock(zone);
}

void statistics_collect(struct statistics *statistics)
{
	size_t in_threads[CLASS_COUNT] = {0};
	*statistics = (struct statistics){0};
	thread_cache_count_objects(in_threads);
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		collect_class(statistics, c, in_threads[c]);
	object_caches_for_each(collect_objects, statistics);
	for (int id = 0; id < ZONE_COUNT; id++)
		collect_zone(statistics, (enum zone_id)id);
	statistics->dirty_bytes += cache_idle_pages() << PAGE_SHIFT;
	struct store_counts large = store_counts();
	statistics->run_bytes = run_bytes();
	statistics->live_bytes += statistics->run_bytes;
	statistics->mapped_blocks = large.blocks;
	statistics->mapped_bytes = large.bytes;
	statistics->mapped_blocks_most = large.blocks_most;
	statistics->mapped_bytes_most = large.bytes_most;
	statistics->store_bytes = store_held_bytes();
	statistics->metadata_bytes = meta_mapped_bytes();
	statistics->threads = thread_cache_count();
}
