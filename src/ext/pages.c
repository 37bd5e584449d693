/*
 * pages.c - whole pages (libmalloc/page.h): runs (large/run.h) of exactly the pages that the caller asks for.
 *
 *      lm_pages_alloc(order)        2^order pages at a multiple of their size
 *      lm_pages_alloc_exact(size)   n pages at a multiple of the next power of two; the buddy keeps the rest
 *
 * The page map knows a run by its first page, with the number of its pages. So a free with another number, a second
 * free, and a pointer that is not the start of a run are reported; free(3), realloc(3) and malloc_usable_size(3) work
 * too. Of two frees at once exactly one claims the run.
 *
 * Any thread may call; it must hold no lock.
 */
#include "heap/flags.h"
#include "heap/heap.h"
#include "heap/perturb.h"
#include "heap/pointer.h"
#include "heap/request.h"
#include "large/run.h"
#include "os/report.h"
#include "page/buddy.h"

#include <libmalloc/page.h>

_Static_assert((int)LM_PAGE_SHIFT == (int)PAGE_SHIFT && (int)LM_PAGE_MAX_ORDER == (int)BUDDY_MAX_ORDER,
	       "libmalloc/page.h has the buddy's numbers");

enum { PAGES_MAX_BYTES = BUDDY_MAX_PAGES * PAGE_BYTES };

static void *attempt_run(const struct request *request)
{
	enum zone_id zone = request->flags & LM_DMA32 ? ZONE_DMA32 : ZONE_HEAP;
	void *pages = request_run(request, zone);
	if (pages != NULL && (request->flags & LM_ZERO) == 0 && unlikely(perturb_is_on()))
		perturb_allocated(pages, request->bytes);
	return pages;
}

static cold void *pages_get(size_t bytes, size_t alignment, unsigned flags, const char *function)
{
	struct request request = {
		.bytes = bytes,
		.alignment = alignment,
		.flags = flags,
		.function = function,
		.attempt = attempt_run,
	};
	return likely(flags_accept(flags, FLAGS_PAGES, function)) ? request_serve(&request) : NULL;
}

static cold void pages_put(void *pages, size_t bytes, const char *function)
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

LM_EXPORT cold void *lm_pages_alloc(unsigned order, unsigned flags)
{
	if (order > LM_PAGE_MAX_ORDER)
		return refuse("lm_pages_alloc", REFUSED_ORDER);
	size_t bytes = (size_t)LM_PAGE_SIZE << order;
	return pages_get(bytes, bytes, flags, "lm_pages_alloc");
}

/* An impossible order becomes size 0, which no block has: then the free is reported. */
LM_EXPORT cold void lm_pages_free(void *pages, unsigned order)
{
	pages_put(pages, order > LM_PAGE_MAX_ORDER ? 0 : (size_t)LM_PAGE_SIZE << order, "lm_pages_free");
}

LM_EXPORT cold void *lm_pages_alloc_exact(size_t size, unsigned flags)
{
	if (size == 0 || size > PAGES_MAX_BYTES)
		return refuse("lm_pages_alloc_exact", REFUSED_PAGES_SIZE);
	return pages_get(whole_pages(size), PAGE_BYTES, flags, "lm_pages_alloc_exact");
}

LM_EXPORT cold void lm_pages_free_exact(void *pages, size_t size)
{
	pages_put(pages, size > PAGES_MAX_BYTES ? 0 : whole_pages(size), "lm_pages_free_exact");
}
