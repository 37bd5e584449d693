/*
 * reclaim.c - when purging is due, in which order the classes are purged, and how: it finds the idle pages of purgeable
 * slabs that make up pages of the system. purge_lock (RANK_PURGE) lets one thread purge at a time; the others go on.
 */
#include "slab/reclaim.h"

#include "base/bits.h"
#include "os/map.h"
#include "page/purge.h"
#include "slab/cache_alloc.h"

struct lock purge_lock;

enum { REFUSALS_MAX = 4 }; /* slabs that the kernel may refuse to purge before a round ends */

/* The first run of idle pages that makes up whole pages of the system, as a mask; 0: there is none. */
static uint32_t first_purgeable_run(const struct slab *slab, uint32_t idle)
{
	unsigned unit = (unsigned)(os_page_size() >> PAGE_SHIFT);
	while (idle != 0) {
		unsigned first = low_bit(idle);
		unsigned count = low_bit(~(uint64_t)(idle >> first));
		uintptr_t begin = round_up(slab->first_page + first, unit);
		uintptr_t end = round_down(slab->first_page + first + count, unit);
		if (begin < end)
			return (uint32_t)bit_range((unsigned)(begin - slab->first_page), (unsigned)(end - begin));
		idle &= ~(uint32_t)bit_range(first, count);
	}
	return 0;
}

/* Purges one run of idle pages of a slab. cache.lock is held before and after, and released in between. */
static bool purge_slab(struct cache *cache, struct slab *slab, uint32_t run)
{
	uint64_t before = slab_page_state(slab);
	slab_reserve_pages(slab, run);
	slab_relist_changed(cache, slab, before);
	cache_unlock(cache);
	void *begin = (void *)((slab->first_page + low_bit(run)) << PAGE_SHIFT);
	bool gone = os_purge(begin, (size_t)count_bits(run) << PAGE_SHIFT);
	if (gone)
		purge_note_purged(count_bits(run));
	cache_lock(cache);
	before = slab_page_state(slab);
	slab_restore_pages(slab, run, gone ? PAGES_PURGED : PAGES_AS_BEFORE);
	slab_relist_changed(cache, slab, before);
	return gone;
}

/* One step: false when the kernel refused. A slab without a whole idle page of the system leaves the list. */
static bool purge_first(struct cache *cache, size_t *purged)
{
	struct slab *slab = list_entry(cache->purgeable.first, struct slab, purgeable);
	uint32_t run = first_purgeable_run(slab, slab_idle_pages(slab));
	if (run == 0) {
		slab_set_purgeable(cache, slab, PURGEABLE_NOT);
		return true;
	}
	bool gone = purge_slab(cache, slab, run);
	*purged += gone ? count_bits(run) : 0;
	if (!gone && slab->is_purgeable) {
		slab_set_purgeable(cache, slab, PURGEABLE_NOT);
		slab_set_purgeable(cache, slab, PURGEABLE);
	}
	/* A slab that others emptied while its pages were reserved is destroyed here. */
	cache_unlock_and_drop_empty(cache, slab);
	cache_lock(cache);
	return gone;
}

size_t cache_purge(unsigned size_class, size_t keep_pages)
{
	struct cache *cache = &caches[size_class];
	size_t purged = 0;
	int refused = 0;
	cache_lock(cache);
	while (refused < REFUSALS_MAX && cache_idle_pages() > keep_pages && !list_is_empty(&cache->purgeable))
		refused += !purge_first(cache, &purged);
	cache_unlock(cache);
	return purged;
}

static _Atomic unsigned next_class = 1; /* the classes take turns in being purged first. Relaxed; purge_lock is held */

static size_t dirty_pages(void) { return zone_dirty_pages() + cache_idle_pages(); }

/* The two counts are read one after the other, so the second one may exceed the first one. */
static size_t limit_pages(void)
{
	size_t used = zone_used_pages();
	return purge_limit_pages(used - size_min(cache_empty_pages(), used));
}

static size_t purge_caches(size_t keep_pages)
{
	size_t purged = 0;
	unsigned start = load_relaxed(&next_class);
	unsigned classes = size_class_end() - 1;
	for (unsigned i = 0; i < classes && cache_idle_pages() > keep_pages; i++) {
		unsigned c = (start - 1 + i) % classes + 1;
		purged += cache_purge(c, keep_pages);
		store_relaxed(&next_class, c);
	}
	return purged;
}

/* True once a purge has given back free pages, and pages in slabs. Relaxed: the thread that asks has purged before. */
static _Atomic bool has_purged_free, has_purged_slabs;

static size_t note_purged(_Atomic bool *has_purged, size_t purged)
{
	if (purged > 0)
		store_relaxed(has_purged, true);
	return purged;
}

/* Purge until at most `keep_pages` are dirty: how many. purge_lock is held. */
static size_t purge_free(size_t keep_pages) { return note_purged(&has_purged_free, purge_free_pages(keep_pages)); }
static size_t purge_slabs(size_t keep_pages) { return note_purged(&has_purged_slabs, purge_caches(keep_pages)); }

/* The slab that a class takes objects from may have unused pages at its end: so many pages do not count as holes. */
static size_t tail_pages(void)
{
	size_t pages = 0;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		if (cache_objects_out(c) > 0)
			pages += size_classes[c].pages;
	return pages;
}

/* True if pages that were given back lie between pages in use: lowering the break would not have reached them. */
static bool holes_are_given_back(void)
{
	bool free = load_relaxed(&has_purged_free) && zone_inner_free_pages() > 0;
	bool in_slabs = load_relaxed(&has_purged_slabs) && cache_empty_pages() > tail_pages();
	return free || in_slabs;
}

/*
 * Dirty pages that the last round could not purge: locked memory, or parts of a larger page of the system. The next
 * round waits until there are as many more as the limit. A hint, relaxed.
 */
static _Atomic size_t stuck_pages;

static bool is_due(void)
{
	size_t dirty = dirty_pages();
	size_t stuck = load_relaxed(&stuck_pages);
	if (dirty < stuck)
		store_relaxed(&stuck_pages, dirty);
	return dirty > stuck && dirty - stuck > limit_pages();
}

static cold void reclaim(void)
{
	if (!lock_try_acquire(&purge_lock, RANK_PURGE))
		return;
	purge_review();
	size_t limit = limit_pages();
	if (dirty_pages() > limit) {
		size_t keep = purge_keep_pages(limit);
		size_t purged = purge_free(keep);
		purged += purge_slabs(keep);
		store_relaxed(&stuck_pages, purged == 0 ? dirty_pages() : 0);
	}
	lock_release(&purge_lock, RANK_PURGE);
}

void reclaim_if_due(void)
{
	if (unlikely(is_due()))
		reclaim();
}

bool reclaim_purge_all(void)
{
	purge_free(0);
	return purge_slabs(0) > 0 || holes_are_given_back();
}

void reclaim_free(unsigned size_class, void **objects, size_t count, const char *function)
{
	cache_free(size_class, objects, count, function);
	reclaim_if_due();
}
