/*
 * slab.c - objects out of a slab and back, after J. Bonwick, "The Slab Allocator", USENIX 1994, with the free list as a
 * bitmap.
 */
#include "slab/slab.h"

#include "base/bitmap.h"
#include "base/settings.h"
#include "os/report.h"
#include "page/huge.h"
#include "page/meta.h"
#include "page/purge.h"

#include <string.h>

enum { HUGE_OBJECT_MAX_BYTES = 1024 }; /* of slabs that may begin a huge page: each of its pages will be touched */

static const struct size_class *class_of(const struct slab *slab) { return &size_classes[slab->class]; }

/*
 * Behind another malloc a new slab reads as zeros, and a slab that goes leaves zeros at the end of each page: the other
 * malloc must not find an old header of its own before a block of ours. Clears the last `bytes` of each page.
 */
static cold void clear_ends(uintptr_t first_page, uint32_t pages, size_t bytes)
{
	for (; pages != 0; pages &= pages - 1)
		memset((char *)((first_page + low_bit(pages) + 1) << PAGE_SHIFT) - bytes, 0, bytes);
}

static inline void clear_if_behind(uintptr_t first_page, uint32_t pages, size_t bytes)
{
	if (unlikely(load_relaxed(&settings.is_behind) != 0))
		clear_ends(first_page, pages, bytes);
}

static void set_key(const struct slab *slab, uint64_t key)
{
	/* Release pairs with the acquire in slab_first_of_key. */
	atomic_store_explicit(&pagemap_link(slab->first_page)->objects, key, memory_order_release);
}

void slab_hide(const struct slab *slab) { set_key(slab, 0); }

/* The pages of an object cache's slab each have its kind: free() and realloc() may ask for the slab of any object. */
static void page_map_enter(const struct slab *slab)
{
	const struct size_class *class = class_of(slab);
	if (likely(slab->class < CLASS_COUNT)) {
		pagemap_set_kind(slab->first_page, PAGE_SLAB);
		pagemap_set_class(slab->first_page, class->pages, slab->class);
	} else {
		pagemap_set_kinds(slab->first_page, class->pages, PAGE_OBJECTS | class->order);
		set_key(slab, slab_key(slab->class) << SLAB_KEY_SHIFT | slab->colour);
	}
}

static void page_map_leave(const struct slab *slab)
{
	const struct size_class *class = class_of(slab);
	pagemap_set_kinds(slab->first_page, slab->class < CLASS_COUNT ? 1 : class->pages, PAGE_NONE);
	if (likely(slab->class < CLASS_COUNT))
		pagemap_set_class(slab->first_page, class->pages, 0);
	else
		set_key(slab, 0);
}

/* Makes the slab that `slab` describes of these pages. */
static struct slab *slab_begin(struct slab *slab, unsigned size_class, unsigned colour, const struct page_run *run)
{
	const struct size_class *class = &size_classes[size_class];
	bool is_kept = class->page_rule == PAGES_KEPT;
	*slab = (struct slab){
		.first_page = run->page,
		.empty = is_kept ? 0 : slab_all_pages(size_class),
		.dirty = is_kept ? slab_all_pages(size_class) : run->dirty,
		.nfree = class->objects,
		.class = (uint16_t)size_class,
		.colour = (uint16_t)colour,
		.zone = (uint8_t)run->zone,
	};
	bits_set(slab->free, 0, class->objects);
	clear_if_behind(run->page, run->dirty, PAGE_BYTES);
	pagemap_link(run->page)->slab = slab;
	page_map_enter(slab);
	return slab;
}

static struct slab *slab_create(unsigned size_class, unsigned colour, enum zone_id zone)
{
	struct page_run run;
	struct slab *slab = meta_alloc(sizeof(struct slab));
	if (slab == NULL)
		return NULL;
	if (!page_alloc_from(zone, size_classes[size_class].pages, PAGES_GROW, &run)) {
		meta_free(slab, sizeof(struct slab));
		return NULL;
	}
	if (size_classes[size_class].bytes <= HUGE_OBJECT_MAX_BYTES)
		huge_begin(&run);
	return slab_begin(slab, size_class, colour, &run);
}

/* The descriptor is sure before pages are taken: neither can be given back without waiting. */
static cold struct slab *slab_create_quietly(unsigned size_class, enum zone_id zone)
{
	struct page_run run;
	if (!meta_offer_quietly(sizeof(struct slab)))
		return NULL;
	if (page_alloc_from(zone, size_classes[size_class].pages, PAGES_QUIET, &run))
		return slab_begin(meta_take_offered(sizeof(struct slab)), size_class, 0, &run);
	meta_leave_offered();
	return NULL;
}

struct slab *slab_create_from(unsigned size_class, enum zone_id zone, enum page_how how)
{
	return how == PAGES_QUIET ? slab_create_quietly(size_class, zone) : slab_create(size_class, 0, zone);
}

struct slab *slab_create_coloured(unsigned id, unsigned colour) { return slab_create(id, colour, ZONE_HEAP); }

/* The head page of the slab of an object cache that `address` lies in, or 0. */
static uintptr_t head_of_objects(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	uint8_t kind = pagemap_kind(page);
	if ((kind & ~PAGE_OBJECTS_ORDER_MASK) != PAGE_OBJECTS)
		return 0;
	return round_down(page, (uintptr_t)1 << (kind & PAGE_OBJECTS_ORDER_MASK));
}

/*
 * If the slab is gone, the same word of the page map may be a free page's, and another thread may write it plainly at
 * this moment: a data race, of one aligned word. Each value is right: a page number has a clear top bit, so it is no
 * key; and the caller asks again under the lock of the cache that a key names. ThreadSanitizer is told to be silent.
 */
__attribute__((no_sanitize("thread"))) unsigned slab_objects_id(uintptr_t address)
{
	uintptr_t head = head_of_objects(address);
	if (head == 0)
		return 0;
	uint64_t key = load_relaxed(&pagemap_link(head)->objects) >> SLAB_KEY_SHIFT;
	uint64_t id = key - slab_key(0);
	return id < ID_COUNT ? (unsigned)id : 0;
}

noinline struct slab *slab_of_cache(uintptr_t address, unsigned id)
{
	uintptr_t head = slab_base_of(address, id);
	return slab_first_of_key(head, slab_key(id)) == 0 ? NULL : pagemap_link(head >> PAGE_SHIFT)->slab;
}

bool slab_object_is_taken(uintptr_t address, unsigned id)
{
	return slab_object_begins(address, id) && !slab_says_free(slab_of_cache(address, id), address);
}

void slab_free_pages(struct slab *slab)
{
	struct page_run run = {
		.page = slab->first_page,
		.npages = class_of(slab)->pages,
		.dirty = slab->dirty,
		.zone = slab->zone,
	};
	page_map_leave(slab);
	clear_if_behind(run.page, run.dirty, CACHE_LINE_BYTES);
	page_free(&run);
}

void slab_free_descriptor(struct slab *slab) { meta_free(slab, sizeof(struct slab)); }

void slab_destroy(struct slab *slab)
{
	slab_free_pages(slab);
	slab_free_descriptor(slab);
}

/* The pages that the objects first to last overlap. */
static inline uint32_t pages_below(const struct slab *slab, unsigned first, unsigned last)
{
	uint32_t bytes = class_of(slab)->bytes;
	unsigned begin = (slab->colour + first * bytes) >> PAGE_SHIFT;
	unsigned end = (slab->colour + (last + 1) * bytes - 1) >> PAGE_SHIFT;
	return (uint32_t)bit_range(begin, end - begin + 1);
}

/* `count` objects (1 or more) from `first` on; first + count <= the objects of the slab. */
struct span {
	unsigned first;
	unsigned count;
};

/* The objects that overlap a page; past the last object there is only waste. */
static inline struct span objects_over(const struct slab *slab, unsigned page)
{
	const struct size_class *class = class_of(slab);
	unsigned begin = page == 0 ? 0 : (page << PAGE_SHIFT) - slab->colour;
	unsigned end = size_class_index(class->magic, ((page + 1) << PAGE_SHIFT) - 1 - slab->colour);
	unsigned first = size_class_index(class->magic, begin);
	unsigned last = class->objects - 1u;
	return (struct span){first, (end < last ? end : last) - first + 1};
}

static inline bool page_is_free(const struct slab *slab, unsigned page)
{
	struct span span = objects_over(slab, page);
	return bits_all_set(slab->free, span.first, span.count);
}

/* Objects that were just taken lie on these pages. */
static inline void pages_take(struct slab *slab, uint32_t pages)
{
	uint32_t bought = slab->purged & pages;
	if (unlikely(bought != 0)) {
		purge_note_bought(count_bits(bought));
		slab->purged &= ~bought;
	}
	slab->empty &= ~pages;
	slab->dirty |= pages;
}

static inline unsigned index_of(const struct slab *slab, uintptr_t address)
{
	return size_class_index(class_of(slab)->magic, (uint32_t)(address - slab_first_object(slab)));
}

/* Takes objects of one bitmap word, those in `free`, lowest first, into the slots below `slot`: the last slot. */
static void **word_take(struct slab *slab, unsigned word, uint64_t free, void **objects, void **slot)
{
	uint32_t bytes = class_of(slab)->bytes;
	uintptr_t base = slab_first_object(slab) + (uintptr_t)word * 64 * bytes;
	/* All 64 objects of the word are free, and wanted: no bit scan is needed. */
	if (free == UINT64_MAX && slot - objects >= 64) {
		slab->free[word] = 0;
		for (unsigned i = 0; i < 64; i++)
			*--slot = (void *)(base + (uintptr_t)i * bytes);
		return slot;
	}
	uint64_t left = free;
	for (; left != 0 && slot > objects; left &= left - 1)
		*--slot = (void *)(base + (uintptr_t)low_bit(left) * bytes);
	slab->free[word] ^= free ^ left;
	return slot;
}

/*
 * The pages under the objects taken, `first` being the lowest: all objects on an empty page between the first and the
 * last were free, so some are taken now. While pages are reserved this does not hold.
 */
static inline uint32_t pages_under(const struct slab *slab, void *const *last, void *const *first)
{
	if (likely(!slab->is_reserved))
		return pages_below(slab, index_of(slab, (uintptr_t)*first), index_of(slab, (uintptr_t)*last));
	uint32_t pages = 0;
	for (; last <= first; last++) {
		unsigned index = index_of(slab, (uintptr_t)*last);
		pages |= pages_below(slab, index, index);
	}
	return pages;
}

/* The aligned fours of free objects in a word: each makes up whole cache lines. */
static uint64_t whole_lines(uint64_t free)
{
	uint64_t pairs = free & free >> 1;
	uint64_t fours = pairs & pairs >> 2 & UINT64_C(0x1111111111111111);
	return fours * 15;
}

enum choice { TAKE_ANY, TAKE_LINES };

static inline size_t take_objects(struct slab *slab, void **objects, size_t count, enum choice which)
{
	void **slot = objects + count;
	for (unsigned word = 0; word < BITMAP_WORDS && slot > objects; word++) {
		uint64_t free = which == TAKE_LINES ? whole_lines(slab->free[word]) : slab->free[word];
		if (free != 0)
			slot = word_take(slab, word, free, objects, slot);
	}
	size_t taken = (size_t)(objects + count - slot);
	if (slab->empty != 0 && taken > 0)
		pages_take(slab, pages_under(slab, slot, objects + count - 1));
	slab->nfree -= (uint16_t)taken;
	return taken;
}

size_t slab_take(struct slab *slab, void **objects, size_t count)
{
	return take_objects(slab, objects, count, TAKE_ANY);
}

size_t slab_take_lines(struct slab *slab, void **objects, size_t count)
{
	return take_objects(slab, objects, count, TAKE_LINES);
}

void *slab_take_one(struct slab *slab, bool *zeroed)
{
	unsigned index = (unsigned)bits_next_set(slab->free, 0, SLAB_MAX_OBJECTS);
	*zeroed = (pages_below(slab, index, index) & slab->dirty) == 0;
	void *object;
	slab_take(slab, &object, 1);
	return object;
}

/* A quick test: true if each page of the object, which was just put, is shared with a neighbour that is taken. */
static inline bool neighbour_holds(const struct slab *slab, const struct size_class *class, unsigned index)
{
	unsigned begin = slab->colour + index * class->bytes;
	unsigned end = begin + class->bytes;
	bool before = begin % PAGE_BYTES != 0 && index != 0 && !bit_is_set(slab->free, index - 1);
	unsigned pages = ((end - 1) >> PAGE_SHIFT) - (begin >> PAGE_SHIFT);
	if (before && pages == 0)
		return true;
	bool behind = end % PAGE_BYTES != 0 && index + 1 < class->objects && !bit_is_set(slab->free, index + 1);
	return pages == 0 ? behind : pages == 1 && before && behind;
}

/* Notes which of these pages are empty now. */
static noinline void pages_settle(struct slab *slab, uint32_t pages)
{
	for (pages &= ~slab->empty; pages != 0; pages &= pages - 1) {
		unsigned page = low_bit(pages);
		if (page_is_free(slab, page))
			slab->empty |= UINT32_C(1) << page;
	}
}

bool slab_says_free(const struct slab *slab, uintptr_t address)
{
	unsigned index = index_of(slab, address);
	return index >= class_of(slab)->objects || bit_is_set(slab->free, index);
}

/* Bits of a bitmap word that stand for no object. */
static inline uint64_t no_objects(const struct slab *slab, unsigned word)
{
	unsigned objects = class_of(slab)->objects;
	unsigned first = word * 64;
	if (likely(objects >= first + 64))
		return 0;
	return objects <= first ? UINT64_MAX : ~bit_range(0, objects - first);
}

/*
 * Sets the free bits of objects of one bitmap word, from objects[at] on, up to one that is of another word, free
 * already, or no object: the index reached. *pages gains the pages that may be empty now.
 */
static inline size_t word_put(struct slab *slab, void *const *objects, size_t at, size_t count, uint32_t *pages)
{
	uintptr_t base = slab_first_object(slab);
	uint32_t magic = class_of(slab)->magic;
	unsigned word = index_of(slab, (uintptr_t)objects[at]) / 64;
	uint64_t none = no_objects(slab, word);
	uint64_t before = slab->free[word] | none;
	uint64_t bits = before;
	for (; at < count; at++) {
		unsigned index = size_class_index(magic, (uint32_t)((uintptr_t)objects[at] - base));
		uint64_t bit = UINT64_C(1) << index % 64;
		if (index / 64 != word || unlikely((bits & bit) != 0))
			break;
		bits |= bit;
	}
	slab->free[word] = bits & ~none;
	uint64_t put = bits ^ before;
	if (likely(put != 0))
		*pages |= pages_below(slab, word * 64 + low_bit(put), word * 64 + log2_floor(put));
	return at;
}

/* After objects were put, in a class that does not look at each page. */
static void pages_follow_rule(struct slab *slab)
{
	slab->empty = class_of(slab)->page_rule == PAGES_ONE ? slab_all_pages(slab->class) : 0;
}

static inline size_t put_one(struct slab *slab, uintptr_t address)
{
	const struct size_class *class = class_of(slab);
	unsigned index = index_of(slab, address);
	uint64_t bit = UINT64_C(1) << index % 64;
	if (unlikely(index >= class->objects || (slab->free[index / 64] & bit) != 0))
		return 0;
	slab->free[index / 64] |= bit;
	slab->nfree++;
	if (unlikely(class->page_rule != PAGES_EACH))
		pages_follow_rule(slab);
	else if (!neighbour_holds(slab, class, index))
		pages_settle(slab, pages_below(slab, index, index));
	return 1;
}

static noinline size_t put_many(struct slab *slab, void *const *objects, size_t count)
{
	uint32_t pages = 0;
	size_t done = 0;
	for (size_t at = 0; done < count; at = done) {
		done = word_put(slab, objects, at, count, &pages);
		if (unlikely(done == at))
			break;
	}
	slab->nfree += (uint16_t)done;
	if (unlikely(class_of(slab)->page_rule != PAGES_EACH))
		pages_follow_rule(slab);
	else
		pages_settle(slab, pages);
	return done;
}

size_t slab_put(struct slab *slab, void *const *objects, size_t count)
{
	return count == 1 ? put_one(slab, (uintptr_t)objects[0]) : put_many(slab, objects, count);
}

static unsigned count_free(const struct slab *slab)
{
	unsigned nfree = 0;
	for (unsigned word = 0; word < BITMAP_WORDS; word++)
		nfree += count_bits(slab->free[word]);
	return nfree;
}

/* Changes the free bits of all objects that overlap a page in `pages`. */
static void objects_change(struct slab *slab, uint32_t pages, void (*change)(uint64_t *map, size_t first, size_t count))
{
	for (; pages != 0; pages &= pages - 1) {
		struct span span = objects_over(slab, low_bit(pages));
		change(slab->free, span.first, span.count);
	}
	slab->nfree = (uint16_t)count_free(slab);
}

void slab_reserve_pages(struct slab *slab, uint32_t pages)
{
	objects_change(slab, pages, bits_clear);
	slab->empty &= ~pages;
	slab->is_reserved = true;
}

void slab_restore_pages(struct slab *slab, uint32_t pages, enum page_outcome outcome)
{
	objects_change(slab, pages, bits_set);
	slab->is_reserved = false;
	pages_settle(slab, slab_all_pages(slab->class));
	if (outcome == PAGES_PURGED) {
		slab->dirty &= ~pages;
		slab->purged |= pages;
	}
}

#ifdef LM_DEBUG
void slab_check(const struct slab *slab)
{
	unsigned nfree = count_free(slab);
	if (nfree != slab->nfree || nfree > class_of(slab)->objects)
		report_internal("slab: nfree and the bitmap differ");
	if (slab->is_reserved)
		return;
	bool kept = class_of(slab)->page_rule == PAGES_KEPT;
	if (kept && slab->empty != 0)
		report_internal("slab: a page that is kept is called empty");
	for (unsigned page = 0; page < class_of(slab)->pages && !kept; page++) {
		bool empty = slab->empty >> page & 1;
		if (empty != page_is_free(slab, page))
			report_internal("slab: a page is wrongly empty or not");
	}
	if (~slab->empty & ~slab->dirty & slab_all_pages(slab->class))
		report_internal("slab: a used page is clean");
	if (slab->purged & ~(slab->empty & ~slab->dirty))
		report_internal("slab: a purged page is in use");
}
#endif
