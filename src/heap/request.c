/* request.c - see request.h. */
#include "heap/request.h"

#include "heap/flags.h"
#include "large/large_cache.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "os/futex.h"
#include "os/report.h"
#include "page/trim.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <string.h>

enum { WAIT_MAX_MS = 64 }; /* bounds the sleep between two attempts, which doubles from 1 ms */

const struct objects_of_caches *_Atomic objects_registered;

/* Release pairs with the acquire in objects_of_caches. */
void objects_register(const struct objects_of_caches *functions)
{
	atomic_store_explicit(&objects_registered, functions, memory_order_release);
}

bool reclaim_all(void)
{
	const struct objects_of_caches *objects = objects_of_caches();
	depot_drain_all();
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain_objects();
	lock_release(&purge_lock, RANK_PURGE);
	report_noted();
	if (objects != NULL)
		objects->reap();
	lock_acquire(&purge_lock, RANK_PURGE);
	bool has_holes = reclaim_purge_all();
	lock_release(&purge_lock, RANK_PURGE);
	return has_holes;
}

/* An object of the next class that has a free one. */
static void *from_larger_class(const struct request *request)
{
	for (unsigned c = request->size_class; c != 0 && c < CLASS_COUNT; c++) {
		if (request->alignment != 0 && size_classes[c].bytes % request->alignment != 0)
			continue;
		void *object = cache_alloc_part(c, CACHE_EXISTING, PAGES_GROW, &(bool){false});
		if (object != NULL)
			return request->flags & LM_ZERO ? memset(object, 0, size_classes[c].bytes) : object;
	}
	return NULL;
}

/* The pages that become free stay ours meanwhile: a break that goes down might not go up again. */
static void *empty_and_try(const struct request *request)
{
	trim_hold();
	thread_cache_flush();
	large_cache_drain();
	reclaim_all();
	void *block = request->attempt(request);
	trim_release();
	return block;
}

static void *retry(const struct request *request)
{
	void *block = empty_and_try(request);
	if (block != NULL)
		return block;
	if (request->size_class != 0 && (request->flags & (LM_DMA32 | LM_COLD)) == 0)
		return from_larger_class(request);
	/* Lowering the break may free address space for a mapping. */
	return trim_to_pad(&zones[ZONE_HEAP], 0) ? request->attempt(request) : NULL;
}

static bool may_retry(const struct request *request)
{
	return request->wait == NULL && (request->flags & (LM_NORETRY | LM_NOSYSCALL)) == 0;
}

/* Others may free memory, or the system may get some. Nobody knows when: the sleep doubles each time. */
static void *wait_and_retry(const struct request *request)
{
	_Atomic uint32_t nobody_wakes = 0;
	void *block = NULL;
	for (unsigned ms = 1; block == NULL; ms = ms < WAIT_MAX_MS ? ms * 2 : WAIT_MAX_MS) {
		if (request->wait != NULL)
			block = request->wait(request);
		else
			futex_wait_for(&nobody_wakes, 0, ms);
		if (block == NULL)
			block = request->attempt(request);
		if (block == NULL && may_retry(request))
			block = retry(request);
	}
	return block;
}

void *request_serve_short(const struct request *request)
{
	void *block = may_retry(request) ? retry(request) : NULL;
	if (block == NULL && request->function != NULL)
		out_of_memory(request->function, request->bytes, request->flags);
	if (block == NULL && (request->flags & LM_NOFAIL) != 0)
		block = wait_and_retry(request);
	return block;
}

void *request_serve(const struct request *request)
{
	int saved = errno; /* an attempt that has a block in the end may have set it on the way */
	void *block = request->attempt(request);
	if (unlikely(block == NULL))
		block = request_serve_short(request);
	if (likely(block != NULL))
		errno = saved;
	return block;
}
