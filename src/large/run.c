/*
 * run.c - see run.h.
 */
#include "large/run.h"

#include "base/bits.h"
#include "page/pagemap.h"
#include "page/zone.h"
#include "slab/reclaim.h"

static _Atomic size_t pages_now;

size_t run_bytes(void) { return atomic_load_explicit(&pages_now, memory_order_relaxed) << PAGE_SHIFT; }

/* The pages behind the wanted ones, which were taken for the alignment only. */
static void give_back_tail(struct page_run *run, size_t npages)
{
	struct page_run tail = *run;
	tail.page += npages;
	tail.npages -= npages;
	tail.dirty = run->npages <= 32 ? run->dirty >> npages : run->dirty;
	run->npages = npages;
	page_free(&tail);
}

void *run_alloc(size_t bytes, size_t alignment, bool *zeroed)
{
	return run_alloc_from(ZONE_HEAP, PAGES_GROW, bytes, alignment, zeroed);
}

void *run_alloc_from(enum zone_id zone, enum page_how how, size_t bytes, size_t alignment, bool *zeroed)
{
	struct page_run run;
	size_t npages = round_up(size_max(bytes, 1), PAGE_BYTES) >> PAGE_SHIFT;
	size_t taken = size_max(npages, alignment >> PAGE_SHIFT);
	if (npages == 0 || alignment > (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT ||
	    !page_alloc_from(zone, taken, how, &run))
		return NULL;
	if (taken > npages && how == PAGES_GROW)
		give_back_tail(&run, npages);
	*zeroed = run.dirty == 0;
	pagemap_link(run.page)->run_pages = run.npages;
	pagemap_set_kind(run.page, (uint8_t)(PAGE_RUN | run.zone << PAGE_ZONE_SHIFT));
	atomic_fetch_add_explicit(&pages_now, run.npages, memory_order_relaxed);
	return (void *)(run.page << PAGE_SHIFT);
}

static bool begins_run(uintptr_t page) { return (pagemap_kind(page) & ~PAGE_ZONE_MASK) == PAGE_RUN; }

static bool is_run(uintptr_t address) { return address % PAGE_BYTES == 0 && begins_run(address >> PAGE_SHIFT); }

size_t run_usable(uintptr_t address)
{
	return is_run(address) ? pagemap_link(address >> PAGE_SHIFT)->run_pages << PAGE_SHIFT : 0;
}

bool run_around(uintptr_t address)
{
	uintptr_t page = pagemap_find_begin(address >> PAGE_SHIFT);
	return begins_run(page) && (address >> PAGE_SHIFT) - page < pagemap_link(page)->run_pages;
}

bool run_free(uintptr_t address)
{
	uintptr_t page = address >> PAGE_SHIFT;
	uint8_t kind = pagemap_kind(page);
	if (!is_run(address))
		return false;
	if (!pagemap_claim_kind(page, kind, PAGE_NONE))
		return false;
	/* Not before: of two frees at once the other one may have freed it, and somebody have got other pages there. */
	struct page_run run = {
		.page = page,
		.npages = pagemap_link(page)->run_pages,
		.dirty = ~UINT32_C(0),
		.zone = (enum zone_id)((kind & PAGE_ZONE_MASK) >> PAGE_ZONE_SHIFT),
	};
	atomic_fetch_sub_explicit(&pages_now, run.npages, memory_order_relaxed);
	page_free(&run);
	reclaim_if_due();
	return true;
}
