/*
 * reclaim.c - see reclaim.h. purge_lock (RANK_PURGE) lets one thread purge at a time; the others go on.
 */
#include "slab/reclaim.h"

#include "base/bits.h"
#include "page/purge.h"
#include "slab/cache.h"
#include "slab/object_cache.h"

struct lock purge_lock;

static _Atomic unsigned next_class = 1; /* the classes take turns in being purged first */

static size_t dirty_pages(void) { return zone_dirty_pages() + cache_idle_pages(); }

/* The two counts are read one after the other: other threads may have emptied more pages than were in use before. */
static size_t limit_pages(void)
{
	size_t used = zone_used_pages();
	return purge_limit_pages(used - size_min(cache_empty_pages(), used));
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

/* True once a purge has given back free pages, and pages in slabs. Relaxed: who asks has purged before. */
static _Atomic bool has_purged_free;
static _Atomic bool has_purged_slabs;

static size_t note(_Atomic bool *has_purged, size_t purged)
{
	if (purged > 0)
		atomic_store_explicit(has_purged, true, memory_order_relaxed);
	return purged;
}

/* Purge until at most `keep_pages` are dirty: how many. purge_lock is held. */
static size_t purge_free(size_t keep_pages) { return note(&has_purged_free, purge_free_pages(keep_pages)); }
static size_t purge_slabs(size_t keep_pages) { return note(&has_purged_slabs, purge_caches(keep_pages)); }

/*
 * Each class of malloc takes objects from a slab that may have pages behind these. So many pages are not counted as
 * holes.
 */
static size_t tail_pages(void)
{
	size_t pages = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		if (atomic_load_explicit(&caches[c].objects_out, memory_order_relaxed) > 0)
			pages += size_classes[c].pages;
	return pages;
}

/* True if pages that were given back lie between pages in use: lowering the break would not have reached them. */
static bool holes_are_given_back(void)
{
	bool free = atomic_load_explicit(&has_purged_free, memory_order_relaxed) && zone_inner_free_pages() > 0;
	bool in_slabs = atomic_load_explicit(&has_purged_slabs, memory_order_relaxed) &&
			cache_empty_pages() > tail_pages();
	return free || in_slabs;
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
		size_t purged = purge_free(limit / 4);
		purged += purge_slabs(limit / 4);
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
	purge_free(0);
	size_t in_slabs = purge_slabs(0);
	lock_release(&purge_lock, RANK_PURGE);
	return in_slabs > 0 || holes_are_given_back();
}
