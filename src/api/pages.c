/*
 * pages.c - whole pages (libmalloc/page.h), which are runs (large/run.h) of exactly the pages asked for.
 *
 *      lm_pages_alloc(order)        2^order pages at a multiple of their size
 *      lm_pages_alloc_exact(size)   n pages at a multiple of the next power of two; the buddy keeps the rest
 *
 * The page map names a run at its first page, with the number of its pages: so a free with another number, a second
 * free, and a pointer that is no run's start are reported, and free(3), realloc(3) and malloc_usable_size(3) work too.
 * Of two frees at once exactly one claims the run.
 *
 * Called without any lock, by any thread.
 */
#include "api/patience.h"
#include "api/refuse.h"
#include "base/report.h"
#include "large/run.h"
#include "libmalloc/page.h"
#include "malloc/heap.h"
#include "malloc/perturb.h"
#include "malloc/pointer.h"
#include "malloc/shortage.h"
#include "page/buddy.h"

#include <string.h>

_Static_assert((int)LM_PAGE_SHIFT == (int)PAGE_SHIFT && (int)LM_PAGE_MAX_ORDER == (int)BUDDY_MAX_ORDER,
	       "libmalloc/page.h tells the buddy's numbers");

enum { PAGES_MAX_BYTES = BUDDY_MAX_PAGES * PAGE_BYTES };

/* A run of the zone; cleared if it must be and is not. */
static void *get_from(enum zone_id zone, enum page_how how, const struct request *request)
{
	bool zeroed = false;
	void *pages = run_alloc_from(zone, how, request->bytes, request->alignment, &zeroed);
	if (pages == NULL)
		return NULL;
	if (request->content == LARGE_ZEROED && !zeroed)
		memset(pages, 0, request->bytes);
	else if (request->content == LARGE_ANY && unlikely(perturb_is_on()))
		perturb_allocated(pages, request->bytes);
	return pages;
}

static void *get_usual(const struct request *request) { return get_from(ZONE_HEAP, PAGES_GROW, request); }
static void *get_low(const struct request *request) { return get_from(ZONE_DMA32, PAGES_GROW, request); }
static void *get_quietly(const struct request *request) { return get_from(ZONE_HEAP, PAGES_QUIET, request); }
static void *get_low_quietly(const struct request *request) { return get_from(ZONE_DMA32, PAGES_QUIET, request); }

/* One function for each kind of flags that says where pages may come from. */
static void *(*source_of(unsigned flags))(const struct request *request)
{
	if (unlikely(flags & LM_NOSYSCALL))
		return flags & LM_DMA32 ? get_low_quietly : get_quietly;
	return unlikely(flags & LM_DMA32) ? get_low : get_usual;
}

/* After the first refusal. */
static cold void *get_patiently(const struct request *request, unsigned flags, const char *function)
{
	struct patience patience = {0};
	void *pages = NULL;
	if (!(flags & (LM_NORETRY | LM_NOSYSCALL)))
		pages = shortage_retry(request, source_of(flags));
	while (pages == NULL && (flags & LM_NOFAIL)) {
		patience_wait(&patience);
		pages = shortage_retry(request, source_of(flags));
	}
	return pages != NULL ? pages : out_of_memory(function, request->bytes, flags);
}

static void *get(size_t bytes, size_t alignment, unsigned flags, const char *function)
{
	struct request request = {
		.bytes = bytes,
		.alignment = alignment,
		.content = flags & LM_ZERO ? LARGE_ZEROED : LARGE_ANY,
	};
	if (unlikely(!flags_accept(flags, FLAGS_PAGES, function)))
		return NULL;
	void *pages = source_of(flags)(&request);
	return likely(pages != NULL) ? pages : get_patiently(&request, flags, function);
}

static void give(void *pages, size_t bytes, const char *function)
{
	size_t usable = run_usable((uintptr_t)pages);
	if (pages == NULL)
		return;
	if (usable == 0 && heap_usable(pages) != 0)
		report_bad_pointer(REPORT_NOT_PAGES, pages, function);
	if (usable == 0)
		pointer_report(pages, function);
	if (usable != bytes)
		report_bad_pointer(REPORT_WRONG_PAGES, pages, function);
	heap_free(pages, function);
}

static size_t whole_pages(size_t size) { return round_up(size, PAGE_BYTES); }

LM_EXPORT void *lm_pages_alloc(unsigned order, unsigned flags)
{
	if (order > LM_PAGE_MAX_ORDER)
		return refuse("lm_pages_alloc", REFUSED_ORDER);
	size_t bytes = (size_t)LM_PAGE_SIZE << order;
	return get(bytes, bytes, flags, "lm_pages_alloc");
}

/* An order above the largest is no number of pages that was ever allocated. */
LM_EXPORT void lm_pages_free(void *pages, unsigned order)
{
	give(pages, order > LM_PAGE_MAX_ORDER ? 0 : (size_t)LM_PAGE_SIZE << order, "lm_pages_free");
}

LM_EXPORT void *lm_pages_alloc_exact(size_t size, unsigned flags)
{
	if (size == 0 || size > PAGES_MAX_BYTES)
		return refuse("lm_pages_alloc_exact", REFUSED_PAGES_SIZE);
	return get(whole_pages(size), PAGE_BYTES, flags, "lm_pages_alloc_exact");
}

LM_EXPORT void lm_pages_free_exact(void *pages, size_t size)
{
	give(pages, size > PAGES_MAX_BYTES ? 0 : whole_pages(size), "lm_pages_free_exact");
}
