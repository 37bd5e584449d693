/*
 * shortage.c - see shortage.h.
 */
#include "malloc/shortage.h"

#include "large/store.h"
#include "page/trim.h"
#include "slab/cache.h"
#include "slab/reclaim.h"
#include "slab/thread_cache.h"

static void *from_larger_class(const struct request *request)
{
	for (unsigned c = request->size_class; c != 0 && c < CLASS_COUNT; c++) {
		if (request->alignment != 0 && size_classes[c].bytes % request->alignment != 0)
			continue;
		void *object = cache_alloc_existing(c);
		if (object != NULL)
			return object;
	}
	return NULL;
}

/* The pages that become free stay ours: the break may not go up again over what it went down by. */
static void *empty_and_try(const struct request *request, void *(*try_alloc)(const struct request *))
{
	trim_hold();
	thread_cache_flush();
	store_drain();
	reclaim_all();
	void *block = try_alloc(request);
	trim_release();
	return block;
}

void *shortage_retry(const struct request *request, void *(*try_alloc)(const struct request *))
{
	void *block = empty_and_try(request, try_alloc);
	if (block != NULL)
		return block;
	if (request->size_class != 0)
		return from_larger_class(request);
	/* Addresses at the top of the heap may be what a mapping lacks. */
	return trim_to_pad(&zones[ZONE_HEAP], 0) ? try_alloc(request) : NULL;
}
