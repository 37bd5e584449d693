/*
 * cache_purge.c - pages inside partly used slabs go back to the system (see cache.h).
 *
 * The objects over them are reserved meanwhile, and the lock is free for others. purge_lock is held: one purger at a
 * time.
 */
#include "os/map.h"
#include "os/page_size.h"
#include "page/purge.h"
#include "slab/cache_lists.h"

enum { REFUSALS_MAX = 4 }; /* slabs that the kernel may refuse to purge before a round ends */

/* The part of an idle page mask that makes up whole pages of the system: its first run; 0 when there is none. */
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

static bool purge_run(const struct slab *slab, uint32_t run)
{
	uintptr_t address = (slab->first_page + low_bit(run)) << PAGE_SHIFT;
	return os_purge((void *)address, (size_t)count_bits(run) << PAGE_SHIFT);
}

/*
 * Purges one run of idle pages of a slab. The objects over them are reserved meanwhile, so that nobody can be handed
 * memory that is about to vanish, and the lock is free for others. cache.lock is held before and after.
 */
static bool purge_slab(struct cache *cache, struct slab *slab, uint32_t run)
{
	uint64_t before = slab_page_state(slab);
	slab_reserve_pages(slab, run);
	slab_relist(cache, slab, before);
	cache_unlock(cache);
	bool gone = purge_run(slab, run);
	if (gone)
		purge_note_purged(count_bits(run));
	cache_lock(cache);
	before = slab_page_state(slab);
	slab_restore_pages(slab, run, gone);
	slab_relist(cache, slab, before);
	return gone;
}

/* A slab that others emptied while its pages were reserved is nobody's to destroy but the purger's. */
static void destroy_if_empty(struct cache *cache, struct slab *slab)
{
	bool empty = slab_is_empty(slab);
	if (empty)
		slab_unlink(cache, slab);
	cache_unlock(cache);
	if (empty)
		slab_destroy(slab);
	cache_lock(cache);
}

/*
 * One step: false when the kernel refused. A slab without a whole idle page of the system leaves the list till it
 * changes.
 */
static bool purge_first(struct cache *cache, size_t *purged)
{
	struct slab *slab = list_entry(cache->purgeable.first, struct slab, purgeable);
	uint32_t run = first_purgeable_run(slab, slab_idle_pages(slab));
	if (run == 0) {
		relist_purgeable(cache, slab, false);
		return true;
	}
	bool gone = purge_slab(cache, slab, run);
	*purged += gone ? count_bits(run) : 0;
	if (!gone && slab->is_purgeable) {
		relist_purgeable(cache, slab, false);
		relist_purgeable(cache, slab, true);
	}
	destroy_if_empty(cache, slab);
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
