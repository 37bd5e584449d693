/*
 * reclaim.c - see reclaim.h. purge_lock (RANK_PURGE) lets one thread purge at a time; the others go on.
 */
#include "slab/reclaim.h"

#include "page/purge.h"
#include "slab/cache.h"
#include "slab/object_cache.h"

struct lock purge_lock;

static _Atomic unsigned next_class = 1; /* the classes take turns in being purged first */

static size_t dirty_pages(void) { return zone_dirty_pages() + cache_idle_pages(); }

/* The two counts are read one after the other: the difference may pass below zero for a moment. */
static size_t limit_pages(void)
{
	size_t used = zone_used_pages();
	size_t empty = cache_empty_pages();
	return purge_limit_pages(used > empty ? used - empty : 0);
}

static size_t purge_caches(size_t keep_pages)
{
	size_t purged = 0;
	unsigned start = atomic_load_explicit(&next_class, memory_order_relaxed);
	unsigned classes = size_class_end() - 1;
	for (unsigned i = 0; i < classes && cache_idle_pages() > keep_pages; i++) {
		unsigned c = (start - 1 + i) % classes + 1;
		purged += cache_purge(c, keep_pages);
		atomic_store_explicit(&next_class, c, memory_order_relaxed);
	}
	return purged;
}

/*
 * Dirty pages that the last round left beyond the limit, since the kernel refused (locked memory) or a page
 * of the system
 * is larger than they are: the next round waits until there are as many more as the limit. A hint, relaxed.
 */
static _Atomic size_t stuck_pages;

static bool is_due(void)
{
	size_t dirty = dirty_pages();
	size_t stuck = atomic_load_explicit(&stuck_pages, memory_order_relaxed);
	if (dirty < stuck)
		atomic_store_explicit(&stuck_pages, dirty, memory_order_relaxed);
	return dirty > stuck && dirty - stuck > limit_pages();
}

static cold void reclaim(void)
{
	if (!lock_try_acquire(&purge_lock, RANK_PURGE))
		return;
	purge_review();
	size_t limit = limit_pages();
	if (dirty_pages() > limit) {
		size_t purged = purge_free_pages(limit / 4);
		purged += purge_caches(limit / 4);
		atomic_store_explicit(&stuck_pages, purged == 0 ? dirty_pages() : 0, memory_order_relaxed);
	}
	lock_release(&purge_lock, RANK_PURGE);
}

void reclaim_if_due(void)
{
	if (unlikely(is_due()))
		reclaim();
}

bool reclaim_all(void)
{
	depot_drain_all();
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain_objects();
	lock_release(&purge_lock, RANK_PURGE);
	object_slabs_reap_destructed();
	lock_acquire(&purge_lock, RANK_PURGE);
	object_slabs_reap_plain();
	size_t before = dirty_pages();
	purge_free_pages(0);
	purge_caches(0);
	size_t after = dirty_pages();
	lock_release(&purge_lock, RANK_PURGE);
	return after < before;
}
