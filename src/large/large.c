/* large.c - see large.h. No lock of its own: large_cache_lock guards the counts. */
#include "large/large.h"

#include "base/bits.h"
#include "base/settings.h"
#include "large/large_cache.h"
#include "os/map.h"
#include "page/pagemap.h"

#include <string.h>

enum { CLEAR_MAX_BYTES = 1 << 20 }; /* up to here clearing a used mapping is cheaper than faulting new pages in */

static _Atomic size_t next_colour; /* relaxed: any block may have any colour */

static void block_name(struct large *large)
{
	uintptr_t page = large->address >> PAGE_SHIFT;
	pagemap_link(page)->large = large;
	pagemap_set_kind(page, PAGE_LARGE);
}

/* Nobody refers to the block any more. The large cache takes it over as an open one. */
static void block_release(struct large *large)
{
	if (unlikely(large->guard == LARGE_GUARDED))
		mapping_drop_guard(&large->mapping);
	large->guard = LARGE_OPEN;
	large->growths = 0;
	large_cache_put(large);
}

/* Names the block in the page map: its address. NULL: there is no memory for the page map; the block is released. */
static void *block_begin(struct large *large)
{
	uintptr_t page = large->address >> PAGE_SHIFT;
	if (unlikely(pagemap_block(page) == NULL && !pagemap_ensure(page, 1))) {
		block_release(large);
		return NULL;
	}
	block_name(large);
	return (void *)large->address;
}

/* A used mapping must read as zeros. */
static void mapping_clear_content(const struct mapping *mapping)
{
	if (mapping->bytes > CLEAR_MAX_BYTES && os_purge((void *)mapping->base, mapping->bytes))
		return;
	memset((void *)mapping->base, 0, mapping->bytes);
}

static cold struct large *large_create(size_t bytes, size_t alignment, enum large_guard guard)
{
	struct large *large = large_descriptor_alloc();
	if (large == NULL)
		return NULL;
	large->guard = guard;
	if (guard == LARGE_GUARDED ? !mapping_create_guarded(&large->mapping, bytes)
				   : !mapping_create(&large->mapping, bytes, alignment)) {
		large_descriptor_free(large);
		return NULL;
	}
	large_cache_count(1, bytes);
	return large;
}

/*
 * A kept block or a fresh one, counted as live; NULL if there is no memory. Its address is 0, or for a kept block the
 * one that it had. The CPU may still hold the cache lines of that one.
 */
static struct large *kept_or_fresh(size_t bytes, size_t alignment, enum large_content content)
{
	bool joined = content == LARGE_ANY && alignment <= os_page_size();
	struct large *large = NULL;
	if (content != LARGE_FRESH)
		large = large_cache_take(bytes, size_max(alignment, 1),
					 joined ? LARGE_CACHE_JOINED : LARGE_CACHE_WHOLE_ONLY);
	if (large == NULL)
		return large_create(bytes, alignment, LARGE_OPEN);
	if (content == LARGE_ZEROED)
		mapping_clear_content(&large->mapping);
	return large;
}

/* Of the bytes that are spare behind the block, whole cache lines may go in front of it, on the first page. */
static size_t colour_for(size_t spare_bytes)
{
	size_t lines = size_min(spare_bytes, PAGE_BYTES) / CACHE_LINE_BYTES;
	if (lines == 0)
		return 0;
	return add_relaxed(&next_colour, 1) % lines * CACHE_LINE_BYTES;
}

bool large_is_allowed(void) { return large_cache_live_blocks() < load_relaxed(&settings.mmap_max); }

/*
 * Behind another malloc, at least a cache line of the mapping lies before each block, and reads as zeros: that malloc
 * may look for its header there when it frees the block.
 */
static size_t front_for(size_t alignment)
{
	return likely(load_relaxed(&settings.is_behind) == 0) ? 0 : size_max(alignment, CACHE_LINE_BYTES);
}

void *large_alloc(size_t bytes, size_t alignment, enum large_content content)
{
	size_t front = front_for(alignment);
	alignment = size_max(alignment, front);
	size_t spare = alignment == 0 ? CACHE_LINE_BYTES : front;
	size_t mapped = round_up(size_max(bytes + spare, 1), os_page_size());
	struct large *large = mapped < bytes ? NULL : kept_or_fresh(mapped, alignment, content);
	if (large == NULL)
		return NULL;
	if (alignment != 0)
		large->address = large->mapping.base + front;
	else if (large->address == 0 || bytes > large_usable(large))
		large->address = large->mapping.base + colour_for(large->mapping.bytes - bytes);
	if (unlikely(front != 0))
		memset((char *)large->address - CACHE_LINE_BYTES, 0, CACHE_LINE_BYTES);
	return block_begin(large);
}

/* Fresh in any case: a kept mapping would have to be cleared, and it has no guard. */
void *large_alloc_guarded(size_t bytes)
{
	size_t mapped = round_up(bytes, os_page_size());
	struct large *large = mapped < bytes ? NULL : large_create(mapped, 0, LARGE_GUARDED);
	if (large == NULL)
		return NULL;
	large->address = large->mapping.base;
	return block_begin(large);
}

void *large_alloc_huge(size_t bytes, size_t alignment)
{
	void *block = large_alloc(bytes, size_max(alignment, HUGE_PAGES << PAGE_SHIFT), LARGE_FRESH);
	if (block == NULL)
		return NULL;
	struct large *large = large_of((uintptr_t)block);
	large->is_huge = os_advise_huge(block, large_usable(large), OS_HUGE) == OS_ADVISED;
	return block;
}

/* The large block that is named at a page, or NULL. */
static struct large *large_at(uintptr_t page)
{
	return pagemap_kind(page) == PAGE_LARGE ? pagemap_link(page)->large : NULL;
}

struct large *large_of(uintptr_t address)
{
	struct large *large = large_at(address >> PAGE_SHIFT);
	return large != NULL && large->address == address ? large : NULL;
}

struct large *large_around(uintptr_t address)
{
	struct large *large = large_at(pagemap_find_begin(address >> PAGE_SHIFT));
	return large != NULL && address - large->mapping.base < large->mapping.bytes ? large : NULL;
}

bool large_free(uintptr_t address)
{
	struct large *large = large_of(address);
	if (large == NULL || !pagemap_claim_kind(address >> PAGE_SHIFT, PAGE_LARGE, PAGE_NONE))
		return false;
	block_release(large);
	return true;
}

static bool resize_in_place(struct large *large, size_t mapped)
{
	size_t before = large->mapping.bytes;
	if (mapping_resize(&large->mapping, mapped) != OS_REMAPPED)
		return false;
	large_cache_count(0, mapped - before);
	return true;
}

/*
 * The memory for the page map's new leaf is there before the pages move, so that nothing can fail afterwards. The old
 * page's kind is cleared before that too: once the pages have left, another thread may get the old addresses.
 */
static bool resize_by_move(struct large *large, size_t mapped)
{
	uintptr_t old_page = large->address >> PAGE_SHIFT;
	uintptr_t old_base = large->mapping.base;
	size_t old_bytes = large->mapping.bytes;
	struct pagemap_spare spare;
	if (large->mapping.npieces > 1 || !pagemap_spare_take(&spare))
		return false;
	pagemap_set_kind(old_page, PAGE_NONE);
	bool moved = mapping_move(&large->mapping, mapped);
	if (moved) {
		large->address += large->mapping.base - old_base;
		pagemap_ensure_spared(large->address >> PAGE_SHIFT, &spare);
		large_cache_count(0, mapped - old_bytes);
	}
	block_name(large);
	pagemap_spare_put(&spare);
	return moved;
}

static cold bool resize_any(struct large *large, size_t mapped)
{
	return resize_in_place(large, mapped) || resize_by_move(large, mapped);
}

/* A block that grows again and again gets addresses ahead: a quarter more. They cost nothing until touched. */
static bool block_grow(struct large *large, size_t bytes)
{
	size_t ahead = round_up(bytes + (large->growths > 0 ? bytes / 4 : 0), os_page_size());
	size_t exact = round_up(bytes, os_page_size());
	if (!resize_any(large, ahead) && (exact == ahead || !resize_any(large, exact)))
		return false;
	large->growths++;
	return true;
}

void *large_resize(struct large *large, size_t bytes)
{
	size_t usable = large_usable(large);
	size_t front = large->address - large->mapping.base;
	if (large->guard == LARGE_GUARDED || (bytes > usable && !block_grow(large, front + bytes)))
		return NULL;
	/* Up to a quarter of a block may be unused, as in realloc. A tail that cannot be unmapped stays usable. */
	if (bytes < usable - usable / 4)
		resize_in_place(large, round_up(front + bytes, os_page_size()));
	return (void *)large->address;
}
