/*
 * slab.c - see slab.h. After J. Bonwick, "The Slab Allocator", USENIX 1994, with the free list as a bitmap.
 */
#include "slab/slab.h"

#include "base/report.h"
#include "page/meta.h"
#include "page/purge.h"
#include "page/zone.h"

/* The objects first to last (indices), which overlap something. */
struct span {
	unsigned first;
	unsigned last;
};

static const struct size_class *class_of(const struct slab *slab) { return &size_classes[slab->class]; }

static bool one_object(const struct slab *slab) { return class_of(slab)->objects == 1; }

static uintptr_t slab_base(const struct slab *slab) { return slab->first_page << PAGE_SHIFT; }

static void bitmap_fill(struct slab *slab, unsigned objects)
{
	for (unsigned word = 0; word < BITMAP_WORDS; word++) {
		unsigned first = word * 64;
		unsigned count = objects > first ? objects - first : 0;
		slab->free[word] = count == 0 ? 0 : bit_range(0, count < 64 ? count : 64);
	}
}

struct slab *slab_create(unsigned size_class)
{
	const struct size_class *class = &size_classes[size_class];
	struct page_run run;
	struct slab *slab = meta_alloc(sizeof(struct slab));
	if (slab == NULL)
		return NULL;
	if (!page_alloc(class->pages, &run)) {
		meta_free(slab, sizeof(struct slab));
		return NULL;
	}
	*slab = (struct slab){
		.first_page = run.page,
		.empty = slab_all_pages(size_class),
		.dirty = run.dirty,
		.nfree = class->objects,
		.class = (uint8_t)size_class,
		.zone = (uint8_t)run.zone,
	};
	bitmap_fill(slab, class->objects);
	pagemap_link(run.page)->slab = slab;
	pagemap_set_kind(run.page, PAGE_SLAB);
	pagemap_set_class(run.page, class->pages, size_class);
	return slab;
}

void slab_destroy(struct slab *slab)
{
	struct page_run run = {
		.page = slab->first_page,
		.npages = class_of(slab)->pages,
		.dirty = slab->dirty,
		.zone = slab->zone,
	};
	pagemap_set_class(run.page, run.npages, 0);
	pagemap_set_kind(run.page, PAGE_NONE);
	page_free(&run);
	meta_free(slab, sizeof(struct slab));
}

struct slab *slab_of(uintptr_t address, unsigned size_class)
{
	uintptr_t page = address >> PAGE_SHIFT;
	uintptr_t head = round_down(page, (uintptr_t)1 << size_classes[size_class].order);
	if (pagemap_class(address) != size_class)
		return NULL;
	return pagemap_link(head)->slab;
}

/* The pages under the objects first to last. */
static uint32_t pages_of(const struct slab *slab, struct span span)
{
	uint32_t bytes = class_of(slab)->bytes;
	unsigned first = span.first * bytes >> PAGE_SHIFT;
	unsigned last = ((span.last + 1) * bytes - 1) >> PAGE_SHIFT;
	return (uint32_t)bit_range(first, last - first + 1);
}

/* The objects that overlap the pages first to last; past the last object there is only waste. */
static struct span objects_over(const struct slab *slab, unsigned first, unsigned last)
{
	const struct size_class *class = class_of(slab);
	unsigned end = size_class_index(class->magic, ((last + 1) << PAGE_SHIFT) - 1);
	unsigned most = class->objects - 1u;
	return (struct span){size_class_index(class->magic, first << PAGE_SHIFT), end < most ? end : most};
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

size_t slab_take(struct slab *slab, void **objects, size_t count)
{
	uintptr_t base = slab_base(slab);
	uint32_t bytes = class_of(slab)->bytes;
	size_t taken = 0;
	for (unsigned word = 0; word < BITMAP_WORDS && taken < count; word++) {
		uint64_t free = slab->free[word];
		while (free != 0 && taken < count) {
			unsigned index = word * 64 + low_bit(free);
			free &= free - 1;
			objects[taken++] = (void *)(base + (uintptr_t)index * bytes);
			if (slab->empty != 0)
				pages_take(slab, pages_of(slab, (struct span){index, index}));
		}
		slab->free[word] = free;
	}
	slab->nfree -= (uint16_t)taken;
	return taken;
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
		unsigned count = span.last - at + 1;
		count = count < 64 - bit ? count : 64 - bit;
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
 * first
 * page with the one before, or their last with the one behind.
 */
static bool neighbour_holds(const struct slab *slab, unsigned index, unsigned offset, unsigned end)
{
	bool before = offset % PAGE_BYTES != 0 && !is_free(slab, index - 1);
	bool behind = end % PAGE_BYTES != 0 && index + 1 < class_of(slab)->objects && !is_free(slab, index + 1);
	unsigned pages = ((end - 1) >> PAGE_SHIFT) - (offset >> PAGE_SHIFT) + 1;
	return pages == 1 ? before || behind : pages == 2 && before && behind;
}

/* After object `index` became free: which of its pages have no taken object now. */
static void pages_put(struct slab *slab, unsigned index)
{
	unsigned offset = index * class_of(slab)->bytes;
	unsigned end = offset + class_of(slab)->bytes;
	if (neighbour_holds(slab, index, offset, end))
		return;
	for (unsigned page = offset >> PAGE_SHIFT; page <= (end - 1) >> PAGE_SHIFT; page++)
		if (all_free(slab, objects_over(slab, page, page)))
			slab->empty |= UINT32_C(1) << page;
}

static unsigned index_of(const struct slab *slab, uintptr_t address)
{
	return size_class_index(class_of(slab)->magic, (uint32_t)(address - slab_base(slab)));
}

bool slab_says_free(const struct slab *slab, uintptr_t address)
{
	unsigned index = index_of(slab, address);
	return index >= class_of(slab)->objects || is_free(slab, index);
}

bool slab_put(struct slab *slab, uintptr_t address)
{
	if (slab_says_free(slab, address))
		return false;
	unsigned index = index_of(slab, address);
	slab->free[index / 64] |= UINT64_C(1) << index % 64;
	slab->nfree++;
	if (one_object(slab))
		slab->empty = slab_all_pages(slab->class);
	else
		pages_put(slab, index);
	return true;
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
	for (unsigned page = 0; page < class_of(slab)->pages; page++)
		if (all_free(slab, objects_over(slab, page, page)))
			slab->empty |= UINT32_C(1) << page;
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
	for (unsigned page = 0; page < class_of(slab)->pages; page++) {
		bool empty = slab->empty >> page & 1;
		if (empty != all_free(slab, objects_over(slab, page, page)))
			report_internal("slab: a page is wrongly empty or not");
	}
	if (~slab->empty & ~slab->dirty & slab_all_pages(slab->class))
		report_internal("slab: a used page is clean");
	if (slab->purged & ~(slab->empty & ~slab->dirty))
		report_internal("slab: a purged page is in use");
}
