/*
 * slab.c - see slab.h. After J. Bonwick, "The Slab Allocator", USENIX 1994, with the free list as a bitmap.
 */
#include "slab/slab.h"

#include "base/report.h"
#include "base/settings.h"
#include "page/huge.h"
#include "page/meta.h"
#include "page/purge.h"
#include "page/zone.h"

#include <string.h>

enum { HUGE_OBJECT_MAX_BYTES = 1024 }; /* of slabs that may begin a huge page: each of its pages will be touched */

/* The objects first to last (indices), which overlap something. */
struct span {
	unsigned first;
	unsigned last;
};

static const struct size_class *class_of(const struct slab *slab) { return &size_classes[slab->class]; }

/*
 * Behind another malloc, a new slab reads as zeros, and one that goes leaves zeros at the end of each page: before a
 * block of ours that malloc must not find a header of its own that was there once. Clears the last `bytes` of pages.
 */
static void clear_if_behind(uintptr_t first_page, uint32_t pages, size_t bytes)
{
	if (likely(setting(&settings.is_behind) == 0))
		return;
	for (; pages != 0; pages &= pages - 1)
		memset((char *)((first_page + low_bit(pages) + 1) << PAGE_SHIFT) - bytes, 0, bytes);
}

static void bitmap_fill(struct slab *slab, unsigned objects)
{
	for (unsigned word = 0; word < BITMAP_WORDS; word++) {
		unsigned first = word * 64;
		unsigned count = objects > first ? objects - first : 0;
		slab->free[word] = count == 0 ? 0 : bit_range(0, count < 64 ? count : 64);
	}
}

/* Makes the slab that `slab` is to describe; the page map is told of its pages by who knows what they are for. */
static void describe(struct slab *slab, unsigned size_class, unsigned colour, const struct page_run *run)
{
	const struct size_class *class = &size_classes[size_class];
	*slab = (struct slab){
		.first_page = run->page,
		.empty = slab_all_pages(size_class),
		.dirty = run->dirty,
		.nfree = class->objects,
		.class = (uint16_t)size_class,
		.colour = (uint16_t)colour,
		.zone = (uint8_t)run->zone,
	};
	bitmap_fill(slab, class->objects);
	clear_if_behind(run->page, run->dirty, PAGE_BYTES);
	pagemap_link(run->page)->slab = slab;
}

static struct slab *create(unsigned size_class, unsigned colour, enum zone_id zone)
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
	describe(slab, size_class, colour, &run);
	return slab;
}

/* The descriptor is sure before pages are taken: neither can be given back without waiting. */
static struct slab *create_quietly(unsigned size_class, enum zone_id zone)
{
	struct page_run run;
	if (!meta_offer_quietly(sizeof(struct slab)))
		return NULL;
	if (!page_alloc_from(zone, size_classes[size_class].pages, PAGES_QUIET, &run)) {
		meta_leave_offered();
		return NULL;
	}
	struct slab *slab = meta_take_offered(sizeof(struct slab));
	describe(slab, size_class, 0, &run);
	return slab;
}

struct slab *slab_create_from(unsigned size_class, enum zone_id zone, enum page_how how)
{
	struct slab *slab = how == PAGES_QUIET ? create_quietly(size_class, zone) : create(size_class, 0, zone);
	if (slab == NULL)
		return NULL;
	pagemap_set_kind(slab->first_page, PAGE_SLAB);
	pagemap_set_class(slab->first_page, size_classes[size_class].pages, size_class);
	return slab;
}

struct slab *slab_create(unsigned size_class) { return slab_create_from(size_class, ZONE_HEAP, PAGES_GROW); }

/* The kind of each page of an object cache's slab: free() and realloc() may ask for the slab of any object. */
static void set_kinds(const struct slab *slab, uint8_t kind)
{
	pagemap_set_kinds(slab->first_page, class_of(slab)->pages, kind);
}

static void set_key(const struct slab *slab, uint64_t objects)
{
	/* Release pairs with the acquire in slab_first_of_key. */
	atomic_store_explicit(&pagemap_link(slab->first_page)->objects, objects, memory_order_release);
}

void slab_hide(const struct slab *slab) { set_key(slab, 0); }

struct slab *slab_create_coloured(unsigned id, unsigned colour)
{
	struct slab *slab = create(id, colour, ZONE_HEAP);
	if (slab == NULL)
		return NULL;
	if (size_classes[id].page_rule == PAGES_KEPT) {
		slab->empty = 0;
		slab->dirty = slab_all_pages(id);
	}
	set_kinds(slab, PAGE_OBJECTS | size_classes[id].order);
	set_key(slab, slab_key(id) << SLAB_KEY_SHIFT | colour);
	return slab;
}

/*
 * Where the slab is gone, the same word of the page map may be a free page's, and be written just now: the top bit is
 * clear before and after. ThreadSanitizer is told that this is no mistake.
 */
__attribute__((no_sanitize("thread"))) unsigned slab_objects_id(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	uint8_t kind = pagemap_kind(page);
	if ((kind & ~PAGE_OBJECTS_ORDER_MASK) != PAGE_OBJECTS)
		return 0;
	uintptr_t head = round_down(page, (uintptr_t)1 << (kind & PAGE_OBJECTS_ORDER_MASK));
	uint64_t key = atomic_load_explicit(&pagemap_link(head)->objects, memory_order_relaxed) >> SLAB_KEY_SHIFT;
	uint64_t id = key - slab_key(0);
	return id < ID_COUNT ? (unsigned)id : 0;
}

struct slab *slab_of_objects(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	uint8_t kind = pagemap_kind(page);
	if ((kind & ~PAGE_OBJECTS_ORDER_MASK) != PAGE_OBJECTS)
		return NULL;
	struct slab *slab = pagemap_link(round_down(page, (uintptr_t)1 << (kind & PAGE_OBJECTS_ORDER_MASK)))->slab;
	/* Where the pointer is bad the slab may be gone just now, and its descriptor something else. */
	return slab->class >= CLASS_COUNT && slab->class < ID_COUNT ? slab : NULL;
}

noinline struct slab *slab_of_cache(uintptr_t address, unsigned id)
{
	uintptr_t head = slab_base_of(address, id);
	return slab_first_of_key(head, slab_key(id)) == 0 ? NULL : pagemap_link(head >> PAGE_SHIFT)->slab;
}

void slab_free_pages(struct slab *slab)
{
	struct page_run run = {
		.page = slab->first_page,
		.npages = class_of(slab)->pages,
		.dirty = slab->dirty,
		.zone = slab->zone,
	};
	if (slab->class < CLASS_COUNT) {
		pagemap_set_class(run.page, run.npages, 0);
		pagemap_set_kind(run.page, PAGE_NONE);
	} else {
		set_kinds(slab, PAGE_NONE);
		set_key(slab, 0);
	}
	clear_if_behind(run.page, run.dirty, CACHE_LINE_BYTES);
	page_free(&run);
}

void slab_free_descriptor(struct slab *slab) { meta_free(slab, sizeof(struct slab)); }

void slab_destroy(struct slab *slab)
{
	slab_free_pages(slab);
	slab_free_descriptor(slab);
}

/* The pages under the objects first to last. */
static uint32_t pages_of(const struct slab *slab, struct span span)
{
	uint32_t bytes = class_of(slab)->bytes;
	unsigned first = (slab->colour + span.first * bytes) >> PAGE_SHIFT;
	unsigned last = (slab->colour + (span.last + 1) * bytes - 1) >> PAGE_SHIFT;
	return (uint32_t)bit_range(first, last - first + 1);
}

/* The objects that overlap the pages first to last; past the last object there is only waste. */
static inline struct span objects_over(const struct slab *slab, unsigned first, unsigned last)
{
	const struct size_class *class = class_of(slab);
	unsigned begin = first == 0 ? 0 : (first << PAGE_SHIFT) - slab->colour;
	unsigned end = size_class_index(class->magic, ((last + 1) << PAGE_SHIFT) - 1 - slab->colour);
	unsigned most = class->objects - 1u;
	return (struct span){size_class_index(class->magic, begin), end < most ? end : most};
}

/* Marks pages as in use: the object that was just taken lies on them. */
static void pages_take(struct slab *slab, uint32_t pages)
{
	uint32_t bought = slab->purged & pages;
	if (unlikely(bought != 0)) {
		purge_note_bought(count_bits(bought));
		slab->purged &= ~bought;
	}
	slab->empty &= ~pages;
	slab->dirty |= pages;
}

static unsigned index_of(const struct slab *slab, uintptr_t address)
{
	return size_class_index(class_of(slab)->magic, (uint32_t)(address - slab_first_object(slab)));
}

/*
 * Takes objects of one bitmap word that `free` names, lowest first, each into the slot before the last one's: until
 * the word is used up or `slot` has come down to `objects`. Returns the slot reached.
 */
static void **word_take(struct slab *slab, unsigned word, uint64_t free, void **objects, void **slot)
{
	uint32_t bytes = class_of(slab)->bytes;
	uintptr_t base = slab_first_object(slab) + (uintptr_t)word * 64 * bytes;
	/* Many a slab is fresh: there a word is a row. */
	if (free == UINT64_MAX && slot - objects >= 64) {
		slab->free[word] = 0;
		for (unsigned i = 0; i < 64; i++)
			*--slot = (void *)(base + (uintptr_t)i * bytes);
		return slot;
	}
	for (; free != 0 && slot > objects; free &= free - 1) {
		*--slot = (void *)(base + (uintptr_t)low_bit(free) * bytes);
		slab->free[word] &= ~(free & (0 - free));
	}
	return slot;
}

/*
 * The pages under the objects taken, `first` being the lowest: of an empty page between the first and the last all
 * objects were free, so some are taken now. While pages are reserved an object over an empty page may be out of reach.
 */
static uint32_t pages_under(const struct slab *slab, void *const *last, void *const *first)
{
	if (likely(!slab->is_reserved))
		return pages_of(slab, (struct span){index_of(slab, (uintptr_t)*first),
						    index_of(slab, (uintptr_t)*last)});
	uint32_t pages = 0;
	for (; last <= first; last++) {
		unsigned index = index_of(slab, (uintptr_t)*last);
		pages |= pages_of(slab, (struct span){index, index});
	}
	return pages;
}

/* Of the free objects of a word, those of which four stand together: their sizes make up whole cache lines. */
static uint64_t whole_lines(uint64_t free)
{
	uint64_t pairs = free & free >> 1;
	uint64_t fours = pairs & pairs >> 2 & UINT64_C(0x1111111111111111);
	return fours * 15;
}

enum take { TAKE_ANY, TAKE_LINES };

static inline size_t take(struct slab *slab, void **objects, size_t count, enum take which)
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

size_t slab_take(struct slab *slab, void **objects, size_t count) { return take(slab, objects, count, TAKE_ANY); }

size_t slab_take_lines(struct slab *slab, void **objects, size_t count)
{
	return take(slab, objects, count, TAKE_LINES);
}

void *slab_take_one(struct slab *slab, bool *zeroed)
{
	unsigned word = 0;
	while (slab->free[word] == 0)
		word++;
	unsigned index = word * 64 + low_bit(slab->free[word]);
	*zeroed = (pages_of(slab, (struct span){index, index}) & slab->dirty) == 0;
	void *object;
	slab_take(slab, &object, 1);
	return object;
}

static bool all_free(const struct slab *slab, struct span span)
{
	for (unsigned at = span.first; at <= span.last;) {
		unsigned bit = at % 64;
		unsigned count = (unsigned)size_min(span.last - at + 1, 64 - bit);
		uint64_t mask = bit_range(bit, count);
		if ((slab->free[at / 64] & mask) != mask)
			return false;
		at += count;
	}
	return true;
}

static bool is_free(const struct slab *slab, unsigned index) { return slab->free[index / 64] >> index % 64 & 1; }

/*
 * A quick no to "is a page empty now": a neighbour that shares the page is taken. Only for objects that share their
 * first page with the one before, or their last with the one behind.
 */
static inline bool neighbour_holds(const struct slab *slab, const struct size_class *class, unsigned index)
{
	unsigned begin = slab->colour + index * class->bytes;
	unsigned end = begin + class->bytes;
	bool before = begin % PAGE_BYTES != 0 && index != 0 && !is_free(slab, index - 1);
	unsigned pages = ((end - 1) >> PAGE_SHIFT) - (begin >> PAGE_SHIFT);
	if (before && pages == 0)
		return true;
	bool behind = end % PAGE_BYTES != 0 && index + 1 < class->objects && !is_free(slab, index + 1);
	return pages == 0 ? behind : pages == 1 && before && behind;
}

/* Of these pages, notes those on which no object is taken any more. */
static noinline void pages_settle(struct slab *slab, uint32_t pages)
{
	for (pages &= ~slab->empty; pages != 0; pages &= pages - 1) {
		unsigned page = low_bit(pages);
		if (all_free(slab, objects_over(slab, page, page)))
			slab->empty |= UINT32_C(1) << page;
	}
}

bool slab_says_free(const struct slab *slab, uintptr_t address)
{
	unsigned index = index_of(slab, address);
	return index >= class_of(slab)->objects || is_free(slab, index);
}

/* Bits of a bitmap word that stand for no object. */
static uint64_t no_objects(const struct slab *slab, unsigned word)
{
	unsigned objects = class_of(slab)->objects;
	unsigned first = word * 64;
	if (likely(objects >= first + 64))
		return 0;
	return objects <= first ? UINT64_MAX : ~bit_range(0, objects - first);
}

/*
 * Sets the free bits of objects of one bitmap word, from objects[at] on, up to one that is of another word, free
 * already, or none: the index reached. *pages gains those that they may leave empty.
 */
static size_t word_put(struct slab *slab, void *const *objects, size_t at, size_t count, uint32_t *pages)
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
		*pages |= pages_of(slab, (struct span){word * 64 + low_bit(put), word * 64 + log2_floor(put)});
	return at;
}

/* After objects were put: what the class says of its pages, where it does not look at each. */
static void pages_follow_rule(struct slab *slab)
{
	slab->empty = class_of(slab)->page_rule == PAGES_ONE ? slab_all_pages(slab->class) : 0;
}

static inline size_t put_one(struct slab *slab, uintptr_t address)
{
	const struct size_class *class = class_of(slab);
	unsigned index = size_class_index(class->magic, (uint32_t)(address - slab_first_object(slab)));
	uint64_t bit = UINT64_C(1) << index % 64;
	if (unlikely(index >= class->objects || (slab->free[index / 64] & bit) != 0))
		return 0;
	slab->free[index / 64] |= bit;
	slab->nfree++;
	if (unlikely(class->page_rule != PAGES_EACH))
		pages_follow_rule(slab);
	else if (!neighbour_holds(slab, class, index))
		pages_settle(slab, pages_of(slab, (struct span){index, index}));
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
	if (unlikely(done < count))
		return done;
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

/* Sets or clears the free bits of all objects that overlap a page in `pages`. */
static void objects_apply(struct slab *slab, uint32_t pages, bool free)
{
	while (pages != 0) {
		unsigned first = low_bit(pages);
		unsigned count = low_bit(~(uint64_t)(pages >> first));
		struct span span = objects_over(slab, first, first + count - 1);
		for (unsigned at = span.first; at <= span.last; at++) {
			uint64_t bit = UINT64_C(1) << at % 64;
			if (((slab->free[at / 64] & bit) != 0) == free)
				continue;
			slab->free[at / 64] ^= bit;
			slab->nfree = (uint16_t)(slab->nfree + (free ? 1 : -1));
		}
		pages &= ~(uint32_t)bit_range(first, count);
	}
}

void slab_reserve_pages(struct slab *slab, uint32_t pages)
{
	objects_apply(slab, pages, false);
	slab->empty &= ~pages;
	slab->is_reserved = true;
}

void slab_restore_pages(struct slab *slab, uint32_t pages, bool purged)
{
	objects_apply(slab, pages, true);
	slab->is_reserved = false;
	pages_settle(slab, slab_all_pages(slab->class));
	if (purged) {
		slab->dirty &= ~pages;
		slab->purged |= pages;
	}
}

void slab_check(const struct slab *slab)
{
	unsigned nfree = 0;
	for (unsigned word = 0; word < BITMAP_WORDS; word++)
		nfree += count_bits(slab->free[word]);
	if (nfree != slab->nfree || nfree > class_of(slab)->objects)
		report_internal("slab: nfree and the bitmap differ");
	if (slab->is_reserved)
		return;
	bool kept = class_of(slab)->page_rule == PAGES_KEPT;
	if (kept && slab->empty != 0)
		report_internal("slab: a page that is kept is called empty");
	for (unsigned page = 0; page < class_of(slab)->pages && !kept; page++) {
		bool empty = slab->empty >> page & 1;
		if (empty != all_free(slab, objects_over(slab, page, page)))
			report_internal("slab: a page is wrongly empty or not");
	}
	if (~slab->empty & ~slab->dirty & slab_all_pages(slab->class))
		report_internal("slab: a used page is clean");
	if (slab->purged & ~(slab->empty & ~slab->dirty))
		report_internal("slab: a purged page is in use");
}
