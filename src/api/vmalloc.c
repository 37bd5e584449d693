/*
 * vmalloc.c - lm_vmalloc and lm_kvmalloc (libmalloc/alloc.h): large ranges with a guard page behind them.
 *
 * A range is a guarded large block (large/large.h): the page map names it, so free(3), realloc(3) and
 * malloc_usable_size(3) work on it; realloc copies it, unless it fits, to a block without a guard.
 *
 * Called without any lock, by any thread.
 */
#include "api/patience.h"
#include "api/refuse.h"
#include "base/report.h"
#include "base/settings.h"
#include "large/large.h"
#include "libmalloc/alloc.h"
#include "malloc/follow.h"
#include "malloc/heap.h"
#include "malloc/pointer.h"
#include "malloc/shortage.h"

#include <errno.h>

static void *range_get(const struct request *request) { return large_alloc_guarded(request->bytes); }

/* Of the flags only LM_NORETRY counts. */
static void *range_alloc(size_t size, unsigned flags)
{
	struct request request = {.bytes = size, .content = LARGE_ZEROED};
	if (size == 0 || size >= limit_bytes(0))
		return no_memory();
	void *range = range_get(&request);
	if (unlikely(range == NULL) && !(flags & LM_NORETRY))
		range = shortage_retry(&request, range_get);
	return likely(range != NULL) ? range : no_memory();
}

LM_EXPORT void *lm_vmalloc(size_t size) { return range_alloc(size, 0); }

LM_EXPORT void *lm_vzalloc(size_t size) { return lm_vmalloc(size); }

LM_EXPORT void lm_vfree(void *pointer)
{
	if (pointer == NULL)
		return;
	const struct large *large = large_of((uintptr_t)pointer);
	if (large == NULL && heap_usable(pointer) == 0)
		pointer_report(pointer, "lm_vfree");
	if (large == NULL || large->guard != LARGE_GUARDED)
		report_bad_pointer(REPORT_NOT_VMALLOC, pointer, "lm_vfree");
	heap_free(pointer, "lm_vfree");
}

/* Who waits, and the line on standard error, are lm_kvmalloc's affair. */
static void *heap_block(size_t size, unsigned flags) { return lm_malloc(size, (flags & ~LM_NOFAIL) | LM_NOWARN); }

/* What a range of fresh pages is no answer to. */
static bool must_be_heap(unsigned flags) { return flags & (LM_NOSYSCALL | LM_DMA32 | LM_HUGE); }

static void *try_both(size_t size, unsigned flags)
{
	bool is_large = size >= setting(&settings.mmap_threshold);
	void *block = NULL;
	if (is_large && !must_be_heap(flags))
		block = range_alloc(size, flags);
	if (block == NULL)
		block = heap_block(size, flags);
	if (block == NULL && !is_large && !must_be_heap(flags))
		block = range_alloc(size, flags);
	return block;
}

LM_EXPORT void *lm_kvmalloc(size_t size, unsigned flags)
{
	struct patience patience = {0};
	if (unlikely(!flags_accept(flags, FLAGS_MALLOC, "lm_kvmalloc")))
		return NULL;
	if (unlikely(size >= limit_bytes(flags)) && (flags & LM_NOFAIL))
		return refuse("lm_kvmalloc", REFUSED_FOR_EVER);
	void *block = try_both(size, flags);
	while (unlikely(block == NULL) && (flags & LM_NOFAIL)) {
		patience_wait(&patience);
		block = try_both(size, flags);
	}
	return likely(block != NULL) ? block : out_of_memory("lm_kvmalloc", size, flags);
}

LM_EXPORT void lm_kvfree(void *pointer)
{
	if (follow_may_own(pointer))
		follow_free(pointer);
	else
		heap_free(pointer, "lm_kvfree");
}
