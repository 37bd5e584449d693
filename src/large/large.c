/*
 * large.c - see large.h. No lock of its own: the counts are atomic, the store (store.h) has one.
 */
#include "large/large.h"

#include "base/bits.h"
#include "base/compiler.h"
#include "base/settings.h"
#include "large/store.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/meta.h"
#include "page/pagemap.h"

#include <string.h>

enum { CLEAR_MAX_BYTES = 1 << 20 }; /* up to here clearing a used mapping is cheaper than faulting new pages in */

static _Atomic size_t blocks_now, bytes_now, blocks_most, bytes_most;
static _Atomic size_t next_colour;

static void raise_to(_Atomic size_t *most, size_t now)
{
	size_t known = atomic_load_explicit(most, memory_order_relaxed);
	while (known < now && !atomic_compare_exchange_weak_explicit(most, &known, now, memory_order_relaxed,
								     memory_order_relaxed))
		;
}

static void count_bytes(size_t more)
{
	raise_to(&bytes_most, atomic_fetch_add_explicit(&bytes_now, more, memory_order_relaxed) + more);
}

static void count_in(size_t bytes)
{
	raise_to(&blocks_most, atomic_fetch_add_explicit(&blocks_now, 1, memory_order_relaxed) + 1);
	count_bytes(bytes);
}

static void count_out(size_t bytes)
{
	atomic_fetch_sub_explicit(&blocks_now, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&bytes_now, bytes, memory_order_relaxed);
}

struct large_counts large_counts(void)
{
	return (struct large_counts){
		.blocks = atomic_load_explicit(&blocks_now, memory_order_relaxed),
		.bytes = atomic_load_explicit(&bytes_now, memory_order_relaxed),
		.blocks_most = atomic_load_explicit(&blocks_most, memory_order_relaxed),
		.bytes_most = atomic_load_explicit(&bytes_most, memory_order_relaxed),
	};
}

/* Names the block in the page map; false when there is no memory for a leaf. */
static bool block_register(struct large *large)
{
	uintptr_t page = large->address >> PAGE_SHIFT;
	if (!pagemap_ensure(page, 1))
		return false;
	pagemap_link(page)->large = large;
	pagemap_set_kind(page, PAGE_LARGE);
	return true;
}

/* A used mapping that is to read as zeros. */
static void clear(void *base, size_t bytes)
{
	if (bytes > CLEAR_MAX_BYTES && os_purge(base, bytes))
		return;
	memset(base, 0, bytes);
}

static void *mapping_get(size_t *bytes, size_t alignment, enum large_content content)
{
	void *base = alignment <= os_page_size() ? store_take(bytes) : NULL;
	if (base == NULL)
		return os_map_aligned(*bytes, size_max(alignment, os_page_size()));
	if (content == LARGE_ZEROED)
		clear(base, *bytes);
	return base;
}

/* Of the bytes that are spare behind the block, whole cache lines may go in front of it, on the first page. */
static size_t colour_for(size_t spare_bytes)
{
	size_t lines = size_min(spare_bytes, PAGE_BYTES) / CACHE_LINE_BYTES;
	if (lines == 0)
		return 0;
	return atomic_fetch_add_explicit(&next_colour, 1, memory_order_relaxed) % lines * CACHE_LINE_BYTES;
}

bool large_is_allowed(void)
{
	return atomic_load_explicit(&blocks_now, memory_order_relaxed) < setting(&settings.mmap_max);
}

void *large_alloc(size_t bytes, size_t alignment, enum large_content content)
{
	size_t spare = alignment == 0 ? CACHE_LINE_BYTES : 0;
	size_t mapped = round_up(size_max(bytes + spare, 1), os_page_size());
	if (mapped < bytes)
		return NULL;
	struct large *large = meta_alloc(sizeof(struct large));
	if (large == NULL)
		return NULL;
	void *base = mapping_get(&mapped, alignment, content);
	if (base == NULL) {
		meta_free(large, sizeof(struct large));
		return NULL;
	}
	size_t colour = alignment == 0 ? colour_for(mapped - bytes) : 0;
	*large = (struct large){(uintptr_t)base, mapped, (uintptr_t)base + colour, 0};
	if (!block_register(large)) {
		os_unmap(base, mapped);
		meta_free(large, sizeof(struct large));
		return NULL;
	}
	count_in(mapped);
	return (void *)large->address;
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
	uintptr_t page = pagemap_find_below(address >> PAGE_SHIFT, PAGE_LARGE);
	if (page == 0)
		return NULL;
	struct large *large = pagemap_link(page)->large;
	return address - large->base < large->mapped_bytes ? large : NULL;
}

bool large_free(uintptr_t address)
{
	struct large *large = large_of(address);
	if (large == NULL || !pagemap_claim_kind(address >> PAGE_SHIFT, PAGE_LARGE, PAGE_NONE))
		return false;
	count_out(large->mapped_bytes);
	store_put((void *)large->base, large->mapped_bytes);
	meta_free(large, sizeof(struct large));
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
	if (!os_resize((void *)large->base, large->mapped_bytes, mapped))
		return false;
	count_bytes(mapped - large->mapped_bytes);
	large->mapped_bytes = mapped;
	return true;
}

/*
 * The new place is mapped and registered before the pages move, so that nothing can fail afterwards. The old page's
 * kind is cleared before that too: once the pages have left, another thread may be given the old addresses.
 */
/*
 * After one refusal (a filter, vm.max_map_count) blocks are copied instead: each refusal may cost a target's
 * addresses.
 */
static _Atomic bool move_refused;

static bool move(struct large *large, size_t mapped)
{
	if (atomic_load_explicit(&move_refused, memory_order_relaxed))
		return false;
	struct large old = *large;
	void *target = os_map(mapped);
	if (target == NULL)
		return false;
	if (!pagemap_ensure((uintptr_t)target >> PAGE_SHIFT, 1)) {
		os_unmap(target, mapped);
		return false;
	}
	pagemap_set_kind(old.address >> PAGE_SHIFT, PAGE_NONE);
	if (!os_move((void *)old.base, old.mapped_bytes, target, mapped)) {
		/* mremap may have unmapped the target before it failed; it may be somebody else's by now. */
		pagemap_set_kind(old.address >> PAGE_SHIFT, PAGE_LARGE);
		atomic_store_explicit(&move_refused, true, memory_order_relaxed);
		return false;
	}
	large->base = (uintptr_t)target;
	large->address = large->base + (old.address - old.base);
	large->mapped_bytes = mapped;
	count_bytes(mapped - old.mapped_bytes);
	return block_register(large);
}

static bool grow(struct large *large, size_t bytes)
{
	size_t front = large->address - large->base;
	size_t ahead = bytes_with_reserve(large, bytes + front);
	size_t exact = round_up(bytes + front, os_page_size());
	return resize_in_place(large, ahead) || move(large, ahead) ||
	       (exact != ahead && (resize_in_place(large, exact) || move(large, exact)));
}

void *large_resize(struct large *large, size_t bytes)
{
	size_t usable = large_usable(large);
	if (bytes > usable) {
		if (!grow(large, bytes))
			return NULL;
		large->growths++;
	} else if (usable - bytes > usable / 4) {
		/* A tail that cannot be unmapped stays usable. */
		size_t front = large->address - large->base;
		resize_in_place(large, round_up(bytes + front, os_page_size()));
	}
	return (void *)large->address;
}
