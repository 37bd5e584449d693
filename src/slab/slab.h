/*
 * slab.h - a slab: up to 32 pages cut into equal objects, and its descriptor, which lies elsewhere.
 *
 *      descriptor (two cache lines)              pages
 *      [ list links, counts, page masks ]        [ colour | object 0 | object 1 | ... | object n-1 | waste ]
 *      [ bitmap: bit i set = i is free  ]         aligned to 2^order pages: the head page follows from any pointer
 *
 * Colour: the slabs of an object cache begin their first objects at different cache lines, within what would be waste,
 * so that the same field of many objects does not always meet the same set of the CPU's cache. It is less than a page,
 * and 0 in malloc's slabs: free() computes where objects begin without the descriptor.
 *
 * Page masks (bit i: page i of the slab; in a slab of one object, all pages are empty or none):
 *      empty   no object that overlaps the page is taken
 *      dirty   may hold old content, and so frames; a page that is not empty is always dirty
 *      purged  was given back after use, and nothing has been put on it since
 *
 * Invariant (slab_check): nfree = bits set in the bitmap <= objects; page i is in `empty` exactly if all objects over
 * it are free; ~empty is within dirty; purged is within empty & ~dirty. Where free objects keep their content
 * (PAGES_KEPT), empty is 0 always.
 *
 * Owner: the cache of its size class; cache.lock guards all of it. class, colour, zone and first_page never change: who
 * has an object of the slab reads them without the lock.
 */
#ifndef LM_SLAB_SLAB_H
#define LM_SLAB_SLAB_H

#include "base/compiler.h"
#include "base/list.h"
#include "page/page_alloc.h"
#include "page/pagemap.h"
#include "slab/size_class.h"

enum { BITMAP_WORDS = SLAB_MAX_OBJECTS / 64 };

struct slab {
	struct list_node listed; /* in cache.list[bucket], if there is such a list, or in cache.leaving */
	union {
		struct list_node purgeable; /* in cache.purgeable while is_purgeable */
		uintptr_t releaser;         /* while in cache.leaving: the thread that gives it back */
	};
	uintptr_t first_page;
	uint32_t empty;
	uint32_t dirty;
	uint32_t purged;
	uint16_t nfree;
	uint16_t class;
	uint16_t colour; /* bytes */
	uint8_t zone;
	uint8_t bucket;
	bool is_purgeable;
	bool is_reserved; /* a purge is under way: the page masks hold again after slab_restore_pages */
	uint64_t free[BITMAP_WORDS] cache_line_aligned;
} cache_line_aligned;

/*
 * A new slab of a class of malloc, all objects free, of pages of a zone (page_alloc_from), registered in the page map;
 * NULL when out of memory. No lock is held. With PAGES_QUIET locks may be held: no system call is made, and nobody is
 * waited for.
 */
struct slab *slab_create_from(unsigned size_class, enum zone_id zone, enum page_how how);

/* The same for an object cache, of pages of the heap: the first object stands at `colour`, in bytes. */
cold struct slab *slab_create_coloured(unsigned id, unsigned colour);

/*
 * Gives an all-free slab's pages and its descriptor back. No lock is held; nothing may refer to the slab any more. The
 * other two do this in two steps, between which only `listed` and `releaser` may be used.
 */
void slab_destroy(struct slab *slab);
void slab_free_pages(struct slab *slab);
void slab_free_descriptor(struct slab *slab);

/* Where the slab of an object of class `size_class` begins. */
static inline uintptr_t slab_base_of(uintptr_t address, unsigned size_class)
{
	return round_down(address, (uintptr_t)PAGE_BYTES << size_classes[size_class].order);
}

/*
 * What the page map holds for the head page of an object cache's slab, until that leaves the lists of its cache:
 *
 *      63  62        25 24    16 15        0
 *      [ 1 | 0 ...... 0 |   id   |  colour  ]      bit 63 is 0 in the page number that stands there for a free page
 *
 * The upper 48 bits are slab_key(id). So a free finds where objects begin without the descriptor.
 */
enum { SLAB_KEY_SHIFT = 16 };
static inline uint64_t slab_key(unsigned id) { return (UINT64_C(1) << 63 >> SLAB_KEY_SHIFT) + id; }

/*
 * Where the first object stands if `head` begins a slab of the key, else 0. Acquire pairs with the release in set_key
 * (slab.c): who sees the key sees the descriptor.
 */
static inline uintptr_t slab_first_of_key(uintptr_t head, uint64_t key)
{
	uintptr_t page = head >> PAGE_SHIFT;
	struct page_block *block = pagemap_block(page);
	if (unlikely(block == NULL))
		return 0;
	uint64_t objects = atomic_load_explicit(&block->link[page % BLOCK_PAGES].objects, memory_order_acquire);
	return objects >> SLAB_KEY_SHIFT == key ? head + (objects & ((1u << SLAB_KEY_SHIFT) - 1)) : 0;
}

/*
 * True if an object of the object cache begins at the address. For any address: it asks the key. Under a bad pointer
 * the slab may go meanwhile, and its descriptor be another record.
 */
static inline bool slab_object_begins(uintptr_t address, unsigned id)
{
	const struct size_class *class = &size_classes[id];
	uintptr_t first = slab_first_of_key(slab_base_of(address, id), slab_key(id));
	uintptr_t offset = address - first;
	return first != 0 && offset < (uintptr_t)class->objects * class->bytes &&
	       size_class_begins(class, (uint32_t)offset);
}

/* The slab of this object cache that `address` lies in, or NULL. For any address. */
struct slab *slab_of_cache(uintptr_t address, unsigned id);

/* True if an object of the cache begins there and its slab calls it taken. cache.lock is held, or nobody uses it. */
cold bool slab_object_is_taken(uintptr_t address, unsigned id);

/*
 * The id of the object cache that has a slab at `address` now, by the key, or 0. For any address. If it is the same
 * under the lock of that cache, the slab stays while the lock is held: its key is taken away under it (slab_hide).
 */
cold unsigned slab_objects_id(uintptr_t address);

/* Takes the key of an object cache's slab away: it is off the lists, and will be destroyed. */
cold void slab_hide(const struct slab *slab);

/* The slab of an object of class `size_class`, or NULL if no slab of that class is there. */
static inline struct slab *slab_of(uintptr_t address, unsigned size_class)
{
	if (unlikely(pagemap_class(address) != size_class))
		return slab_of_cache(address, size_class);
	return pagemap_link(slab_base_of(address, size_class) >> PAGE_SHIFT)->slab;
}

/* Where the first object stands, and the object of an index. */
static inline uintptr_t slab_first_object(const struct slab *slab)
{
	return (slab->first_page << PAGE_SHIFT) + slab->colour;
}

static inline void *slab_object(const struct slab *slab, unsigned index)
{
	return (void *)(slab_first_object(slab) + (uintptr_t)index * size_classes[slab->class].bytes);
}

/*
 * Takes up to `count` free objects, those of the lowest addresses: how many. They stand at the end of `objects`, the
 * lowest last, since magazines are used from there.
 */
size_t slab_take(struct slab *slab, void **objects, size_t count);

/* The same, `count` a multiple of 4, but only fours of neighbours that make up whole cache lines. */
cold size_t slab_take_lines(struct slab *slab, void **objects, size_t count);

/* Takes one object (there is one); *zeroed: its pages were never written since they came from the system. */
void *slab_take_one(struct slab *slab, bool *zeroed);

/* True if the object at `address` is free, or if the address lies behind the last object. */
bool slab_says_free(const struct slab *slab, uintptr_t address);

/*
 * Makes `count` objects free: how many, up to the first one that was free already or lies behind the last object.
 */
size_t slab_put(struct slab *slab, void *const *objects, size_t count);

/* The masks of empty and dirty pages in one word, to see if they have changed: [ 63 empty 32 | 31 dirty 0 ]. */
static inline uint64_t slab_page_state(const struct slab *slab)
{
	return (uint64_t)slab->empty << 32 | slab->dirty;
}

/* Pages that hold frames for nothing. */
static inline uint32_t slab_idle_pages(const struct slab *slab) { return slab->empty & slab->dirty; }

static inline bool slab_is_empty(const struct slab *slab) { return slab->nfree == size_classes[slab->class].objects; }

/* All pages of the slab as a mask. */
static inline uint32_t slab_all_pages(unsigned size_class)
{
	return (uint32_t)bit_range(0, size_classes[size_class].pages);
}

/* Takes all objects over some empty pages out of circulation; puts them back. */
enum page_outcome { PAGES_AS_BEFORE, PAGES_PURGED };
cold void slab_reserve_pages(struct slab *slab, uint32_t pages);
cold void slab_restore_pages(struct slab *slab, uint32_t pages, enum page_outcome outcome);

/* Tests the invariant; reports an internal error. */
cold void slab_check(const struct slab *slab);

#endif
