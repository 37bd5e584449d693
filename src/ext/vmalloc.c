/*
 * vmalloc.c - lm_vmalloc and lm_kvmalloc (libmalloc/alloc.h): large ranges with a guard page behind them.
 *
 * A range is a guarded large block (large/large.h), and the page map knows it. So free(3), realloc(3) and
 * malloc_usable_size(3) work on it. If the new size does not fit, realloc copies it to a block without a guard.
 *
 * Any thread may call; it must hold no lock.
 */
#include "base/settings.h"
#include "heap/flags.h"
#include "heap/follow.h"
#include "heap/heap.h"
#include "heap/pointer.h"
#include "heap/request.h"
#include "large/large.h"
#include "os/report.h"

#include <libmalloc/alloc.h>

static void *attempt_range(const struct request *request) { return large_alloc_guarded(request->bytes); }

LM_EXPORT cold void *lm_vmalloc(size_t size)
{
	struct request request = {.bytes = size, .attempt = attempt_range};
	void *range = size == 0 || size >= limit_bytes(0) ? NULL : request_serve(&request);
	return likely(range != NULL) ? range : no_memory();
}

LM_EXPORT cold void *lm_vzalloc(size_t size) { return lm_vmalloc(size); }

LM_EXPORT cold void lm_vfree(void *pointer)
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

/* Tries once: request_serve tries again, waits and reports. */
static void *attempt_block(const struct request *request)
{
	return lm_malloc(request->bytes, (request->flags & ~LM_NOFAIL) | LM_NORETRY | LM_NOWARN);
}

/* A range of fresh pages cannot serve these flags. */
enum { FLAGS_NO_RANGE = LM_NOSYSCALL | LM_DMA32 | LM_HUGE };

static void *attempt_both(const struct request *request)
{
	if ((request->flags & FLAGS_NO_RANGE) != 0 || request->bytes == 0 || request->bytes >= limit_bytes(0))
		return attempt_block(request);
	bool range_first = request->bytes >= load_relaxed(&settings.mmap_threshold);
	void *block = range_first ? attempt_range(request) : attempt_block(request);
	if (block == NULL)
		block = range_first ? attempt_block(request) : attempt_range(request);
	return block;
}

LM_EXPORT cold void *lm_kvmalloc(size_t size, unsigned flags)
{
	struct request request = {.bytes = size, .flags = flags, .function = "lm_kvmalloc", .attempt = attempt_both};
	if (unlikely(!flags_accept(flags, FLAGS_MALLOC, "lm_kvmalloc")))
		return NULL;
	if (unlikely(size >= limit_bytes(flags)) && (flags & LM_NOFAIL))
		return refuse("lm_kvmalloc", REFUSED_FOR_EVER);
	if (heap_is_small(size) && (flags & FLAGS_NO_RANGE) == 0)
		request.size_class = size_class_of(size);
	return request_serve(&request);
}

LM_EXPORT cold void lm_kvfree(void *pointer)
{
	if (heap_may_be_in_front(pointer))
		follow_free(pointer);
	else
		heap_free(pointer, "lm_kvfree");
}
