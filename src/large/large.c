/*
 * large.c - see large.h. No lock of its own: the store (store.h) has one.
 */
#include "large/large.h"

#include "base/bits.h"
#include "base/compiler.h"
#include "base/settings.h"
#include "large/store.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/pagemap.h"
#include "page/zone.h"

#include <string.h>

enum { CLEAR_MAX_BYTES = 1 << 20 }; /* up to here clearing a used mapping is cheaper than faulting new pages in */

static _Atomic size_t next_colour;

static void block_name(struct large *large)
{
	uintptr_t page = large->address >> PAGE_SHIFT;
	pagemap_link(page)->large = large;
	pagemap_set_kind(page, PAGE_LARGE);
}

/* Names the block in the page map; false when there is no memory for a leaf. */
static bool block_register(struct large *large)
{
	if (!pagemap_ensure(large->address >> PAGE_SHIFT, 1))
		return false;
	block_name(large);
	return true;
}

/* A used mapping that is to read as zeros. */
static void clear(void *base, size_t bytes)
{
	if (bytes > CLEAR_MAX_BYTES && os_purge(base, bytes))
		return;
	memset(base, 0, bytes);
}

static struct large *create(size_t bytes, size_t alignment)
{
	struct large *large = large_descriptor_alloc();
	if (large == NULL)
		return NULL;
	if (!mapping_create(&large->mapping, bytes, alignment)) {
		large_descriptor_free(large);
		return NULL;
	}
	store_count(1, bytes);
	return large;
}

/*
 * A kept block or a fresh one, counted as live; NULL where there is no memory. Its address is the one it had before,
 * whose cache lines may still be there, or 0.
 */
static struct large *block_get(size_t bytes, size_t alignment, enum large_content content)
{
	bool joined = content == LARGE_ANY && alignment <= os_page_size();
	struct large *large = NULL;
	if (content != LARGE_FRESH)
		large = store_take(bytes, size_max(alignment, 1), joined ? STORE_JOINED : STORE_WHOLE_ONLY);
	if (large == NULL)
		return create(bytes, alignment);
	if (content == LARGE_ZEROED)
		clear((void *)large->mapping.base, large->mapping.bytes);
	return large;
}

/* Of the bytes that are spare behind the block, whole cache lines may go in front of it, on the first page. */
static size_t colour_for(size_t spare_bytes)
{
	size_t lines = size_min(spare_bytes, PAGE_BYTES) / CACHE_LINE_BYTES;
	if (lines == 0)
		return 0;
	size_t colour = atomic_load_explicit(&next_colour, memory_order_relaxed);
	/* Two threads may get the same one: no harm. */
	atomic_store_explicit(&next_colour, colour + 1, memory_order_relaxed);
	return colour % lines * CACHE_LINE_BYTES;
}

bool large_is_allowed(void)
{
	return store_live_blocks() < setting(&settings.mmap_max);
}

/* `front` bytes of the mapping, a multiple of the alignment and of a cache line, lie before an aligned block. */
static void *alloc_behind(size_t front, size_t bytes, size_t alignment, enum large_content content)
{
	size_t spare = alignment == 0 ? CACHE_LINE_BYTES : front;
	size_t mapped = round_up(size_max(bytes + spare, 1), os_page_size());
	if (mapped < bytes)
		return NULL;
	struct large *large = block_get(mapped, alignment, content);
	if (large == NULL)
		return NULL;
	if (alignment != 0)
		large->address = large->mapping.base + front;
	else if (large->address == 0 || bytes > large_usable(large))
		large->address = large->mapping.base + colour_for(large->mapping.bytes - bytes);
	large->growths = 0;
	large->guard = LARGE_OPEN;
	large->is_huge = false;
	if (!block_register(large)) {
		store_put(large);
		return NULL;
	}
	/* A mapping that was in use may hold another malloc's header there. */
	if (unlikely(front != 0))
		memset((char *)large->address - CACHE_LINE_BYTES, 0, CACHE_LINE_BYTES);
	return (void *)large->address;
}

void *large_alloc(size_t bytes, size_t alignment, enum large_content content)
{
	return alloc_behind(0, bytes, alignment, content);
}

void *large_alloc_with_front(size_t bytes, size_t alignment, enum large_content content)
{
	size_t front = size_max(alignment, CACHE_LINE_BYTES);
	return alloc_behind(front, bytes, front, content);
}

/* Fresh in any case: a kept mapping would have to be cleared, and it has no guard. */
static struct large *create_guarded(size_t bytes)
{
	struct large *large = large_descriptor_alloc();
	if (large == NULL)
		return NULL;
	if (!mapping_create_guarded(&large->mapping, bytes)) {
		large_descriptor_free(large);
		return NULL;
	}
	large->address = large->mapping.base;
	large->guard = LARGE_GUARDED;
	store_count(1, bytes);
	return large;
}

/* Nobody refers to it any more. */
static void give_up(struct large *large)
{
	if (unlikely(large->guard == LARGE_GUARDED))
		mapping_drop_guard(&large->mapping);
	store_put(large);
}

void *large_alloc_guarded(size_t bytes)
{
	size_t mapped = round_up(bytes, os_page_size());
	struct large *large = mapped < bytes ? NULL : create_guarded(mapped);
	if (large == NULL)
		return NULL;
	if (!block_register(large)) {
		give_up(large);
		return NULL;
	}
	return (void *)large->address;
}

void *large_alloc_huge(size_t bytes, size_t alignment)
{
	void *block = large_alloc(bytes, size_max(alignment, HUGE_PAGES << PAGE_SHIFT), LARGE_FRESH);
	if (block == NULL)
		return NULL;
	struct large *large = large_of((uintptr_t)block);
	large->is_huge = os_advise_huge(block, large->mapping.bytes, OS_HUGE) == OS_ADVISED;
	return block;
}

struct large *large_of(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	if (pagemap_kind(page) != PAGE_LARGE)
		return NULL;
	struct large *large = pagemap_link(page)->large;
	return large->address == address ? large : NULL;
}

struct large *large_around(uintptr_t address)
{
	uintptr_t page = pagemap_find_begin(address >> PAGE_SHIFT);
	if (pagemap_kind(page) != PAGE_LARGE)
		return NULL;
	struct large *large = pagemap_link(page)->large;
	return address - large->mapping.base < large->mapping.bytes ? large : NULL;
}

bool large_free(uintptr_t address)
{
	struct large *large = large_of(address);
	if (large == NULL || !pagemap_claim_kind(address >> PAGE_SHIFT, PAGE_LARGE, PAGE_NONE))
		return false;
	give_up(large);
	return true;
}

/* A block that grows again and again gets addresses ahead: a quarter more. They cost nothing until touched. */
static size_t bytes_with_reserve(const struct large *large, size_t bytes)
{
	size_t reserve = large->growths > 0 ? bytes / 4 : 0;
	return round_up(bytes + reserve, os_page_size());
}

static bool resize_in_place(struct large *large, size_t mapped)
{
	size_t before = large->mapping.bytes;
	if (mapping_resize(&large->mapping, mapped) != OS_REMAPPED)
		return false;
	store_count(0, mapped - before);
	return true;
}

/*
 * What the page map needs for the new place is had before the pages move, so that nothing can fail afterwards. The old
 * page's kind is cleared before that too: once the pages have left, another thread may be given the old addresses.
 */
static bool move(struct large *large, size_t mapped)
{
	uintptr_t old_page = large->address >> PAGE_SHIFT;
	uintptr_t front = large->address - large->mapping.base;
	size_t old_bytes = large->mapping.bytes;
	struct pagemap_spare spare;
	if (large->mapping.npieces > 1 || !pagemap_spare_take(&spare))
		return false;
	pagemap_set_kind(old_page, PAGE_NONE);
	bool moved = mapping_move(&large->mapping, mapped);
	if (moved) {
		large->address = large->mapping.base + front;
		pagemap_ensure_spared(large->address >> PAGE_SHIFT, &spare);
		block_name(large);
		store_count(0, mapped - old_bytes);
	} else {
		pagemap_set_kind(old_page, PAGE_LARGE);
	}
	pagemap_spare_put(&spare);
	return moved;
}

static bool grow(struct large *large, size_t bytes)
{
	size_t front = large->address - large->mapping.base;
	size_t ahead = bytes_with_reserve(large, bytes + front);
	size_t exact = round_up(bytes + front, os_page_size());
	return resize_in_place(large, ahead) || move(large, ahead) ||
	       (exact != ahead && (resize_in_place(large, exact) || move(large, exact)));
}

void *large_resize(struct large *large, size_t bytes)
{
	size_t usable = large_usable(large);
	if (large->guard == LARGE_GUARDED)
		return NULL;
	if (bytes > usable) {
		if (!grow(large, bytes))
			return NULL;
		large->growths++;
	} else if (usable - bytes > usable / 4) {
		/* A tail that cannot be unmapped stays usable. */
		size_t front = large->address - large->mapping.base;
		resize_in_place(large, round_up(bytes + front, os_page_size()));
	}
	return (void *)large->address;
}
