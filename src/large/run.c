/* run.c - see run.h. */
#include "large/run.h"

#include "base/bits.h"
#include "page/pagemap.h"
#include "slab/reclaim.h"

#include <string.h>

static _Atomic size_t pages_now; /* in all live runs. A sum, relaxed */

size_t run_bytes(void) { return load_relaxed(&pages_now) << PAGE_SHIFT; }

/* Frees the pages behind the first `npages`: they were taken for the alignment only. */
static void run_shorten(struct page_run *run, size_t npages)
{
	struct page_run tail = *run;
	tail.page += npages;
	tail.npages -= npages;
	tail.dirty = run->npages <= RUN_MASK_PAGES ? run->dirty >> npages : run->dirty;
	run->npages = npages;
	page_free(&tail);
}

void *run_alloc(enum zone_id zone, enum page_how how, size_t bytes, size_t alignment, enum large_content content)
{
	struct page_run run;
	size_t npages = round_up(size_max(bytes, 1), PAGE_BYTES) >> PAGE_SHIFT;
	size_t taken = size_max(npages, alignment >> PAGE_SHIFT);
	if (npages == 0 || alignment > (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT ||
	    !page_alloc_from(zone, taken, how, &run))
		return NULL;
	if (taken > npages && how == PAGES_GROW)
		run_shorten(&run, npages);
	pagemap_link(run.page)->run_pages = run.npages;
	pagemap_set_kind(run.page, (uint8_t)(PAGE_RUN | run.zone << PAGE_ZONE_SHIFT));
	add_relaxed(&pages_now, run.npages);
	void *block = (void *)(run.page << PAGE_SHIFT);
	return content == LARGE_ANY || run.dirty == 0 ? block : memset(block, 0, run.npages << PAGE_SHIFT);
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
	if (!is_run(address) || !pagemap_claim_kind(page, kind, PAGE_NONE))
		return false;
	/* The link is right only after the claim: before, another free may win, and somebody get other pages there. */
	struct page_run run = {
		.page = page,
		.npages = pagemap_link(page)->run_pages,
		.dirty = ~UINT32_C(0),
		.zone = (enum zone_id)((kind & PAGE_ZONE_MASK) >> PAGE_ZONE_SHIFT),
	};
	subtract_relaxed(&pages_now, run.npages);
	page_free(&run);
	reclaim_if_due();
	return true;
}
