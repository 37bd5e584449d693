/*
 * statistics.c - see statistics.h.
 */
#include "control/statistics.h"

#include "base/bits.h"
#include "base/report.h"
#include "large/large.h"
#include "large/run.h"
#include "large/store.h"
#include "page/meta.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/object_cache.h"
#include "slab/thread_cache.h"

/* What the slabs, and what the zones say of the heap: two views of the same pages, from different moments. */
struct views {
	size_t slab_bytes;
	size_t end_bytes; /* of these, what is left over at their ends */
	size_t zone_bytes;
};

void statistics_collect_class(struct class_statistics *class, unsigned c, size_t in_threads)
{
	struct cache *cache = &caches[c];
	lock_acquire(&cache->lock, RANK_CACHE);
	size_t out = atomic_load_explicit(&cache->objects_out, memory_order_relaxed);
	class->slabs = cache->slabs;
	class->empty_slabs = cache->kind == NULL ? 0 : cache->kind->empty_slabs + cache_count_leaving(cache);
	lock_release(&cache->lock, RANK_CACHE);
	size_t in_depot = atomic_load_explicit(&cache->depot.objects, memory_order_relaxed);
	class->cached = size_min(in_threads + in_depot, out);
	class->in_depot = size_min(in_depot, class->cached);
	class->live = out - class->cached;
	class->free = class->slabs * size_classes[c].objects - out;
}

/* The sums over all classes gain one. */
static void add_class(struct statistics *statistics, struct views *views, unsigned c,
		      const struct class_statistics *class)
{
	const struct size_class *layout = &size_classes[c];
	size_t end_bytes = ((size_t)layout->pages << PAGE_SHIFT) - (size_t)layout->objects * layout->bytes;
	statistics->live_bytes += class->live * layout->bytes;
	statistics->cached_bytes += class->cached * layout->bytes;
	statistics->free_bytes += class->free * layout->bytes;
	statistics->cached_objects += class->cached;
	statistics->free_objects += class->free;
	statistics->waste_ends += end_bytes == 0 ? 0 : class->slabs;
	views->end_bytes += class->slabs * end_bytes;
	views->slab_bytes += class->slabs * layout->pages << PAGE_SHIFT;
}

struct object_sums {
	struct statistics *statistics;
	struct views *views;
};

static void add_amount(struct amount *amount, size_t count, unsigned id)
{
	amount->count += count;
	amount->bytes += count * size_classes[id].bytes;
}

/* An object cache: no line of its own, but part of the sums. */
static void collect_objects(unsigned id, void *argument)
{
	struct object_sums *sums = argument;
	struct object_statistics *objects = &sums->statistics->objects;
	struct class_statistics class;
	statistics_collect_class(&class, id, object_bins_count(id));
	add_class(sums->statistics, sums->views, id, &class);
	objects->slabs += class.slabs;
	add_amount(&objects->live, class.live, id);
	add_amount(&objects->cached, class.cached, id);
	add_amount(&objects->free, class.free, id);
}

static void collect_slabs(struct statistics *statistics, struct views *views)
{
	size_t in_threads[CLASS_COUNT] = {0};
	struct object_sums sums = {statistics, views};
	thread_cache_count_objects(in_threads);
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		statistics_collect_class(&statistics->class[c], c, in_threads[c]);
		add_class(statistics, views, c, &statistics->class[c]);
	}
	object_caches_for_each(collect_objects, &sums);
}

static void collect_zone(struct statistics *statistics, struct views *views, enum zone_id id)
{
	struct zone *zone = &zones[id];
	lock_acquire(&zone->lock, RANK_ZONE);
	size_t bytes = zone->total_pages << PAGE_SHIFT;
	views->zone_bytes += bytes;
	statistics->heap_bytes_most += zone->total_pages_most << PAGE_SHIFT;
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

/*
 * Makes one heap of the two views. Pages that went from one to the other meanwhile were met twice or not at all: met
 * twice they count as in use, and as far as the zones have less than is in use the heap is that much larger.
 */
static void settle(struct statistics *statistics, const struct views *views)
{
	size_t used_bytes = views->slab_bytes + statistics->run_bytes;
	statistics->heap_bytes = size_max(views->zone_bytes, used_bytes);
	statistics->heap_bytes_most = size_max(statistics->heap_bytes_most, statistics->heap_bytes);
	size_t unused_bytes = statistics->heap_bytes - used_bytes;
	statistics->free_pages_bytes = size_min(statistics->free_pages_bytes, unused_bytes);
	statistics->free_blocks = size_min(statistics->free_blocks, statistics->free_pages_bytes >> PAGE_SHIFT);
	statistics->top_bytes = size_min(statistics->top_bytes, statistics->free_pages_bytes);
	size_t moving_bytes = unused_bytes - statistics->free_pages_bytes;
	statistics->live_bytes += statistics->run_bytes;
	statistics->free_bytes += statistics->free_pages_bytes;
	statistics->waste_bytes = views->end_bytes + moving_bytes;
	statistics->waste_ends += moving_bytes >> PAGE_SHIFT;
	size_t idle_bytes = round_down(statistics->free_bytes + statistics->waste_bytes, PAGE_BYTES);
	statistics->dirty_bytes = size_min(statistics->dirty_bytes, idle_bytes);
}

static void collect_large(struct statistics *statistics)
{
	struct store_counts large = store_counts();
	statistics->mapped_blocks = large.blocks;
	statistics->mapped_bytes = large.bytes;
	statistics->mapped_blocks_most = large.blocks_most;
	statistics->mapped_bytes_most = large.bytes_most;
	statistics->store_bytes = store_held_bytes();
}

void statistics_collect(struct statistics *statistics)
{
	struct views views = {0};
	*statistics = (struct statistics){0};
	collect_slabs(statistics, &views);
	statistics->run_bytes = run_bytes();
	for (int id = 0; id < ZONE_COUNT; id++)
		collect_zone(statistics, &views, (enum zone_id)id);
	statistics->dirty_bytes += cache_idle_pages() << PAGE_SHIFT;
	settle(statistics, &views);
	collect_large(statistics);
	statistics->metadata_bytes = meta_mapped_bytes();
	statistics->threads = thread_cache_count();
	if (DEBUG_CHECKS)
		statistics_check(statistics);
}

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
	    !go_together(now->mapped_blocks, now->mapped_bytes))
		report_internal("statistics: bytes of nothing, or something of no bytes");
}
