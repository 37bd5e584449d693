/*
 * shortage.c - see shortage.h.
 */
#include "malloc/shortage.h"

#include "large/store.h"
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

void *shortage_retry(const struct request *request, void *(*try_alloc)(const struct request *))
{
	thread_cache_flush();
	store_drain();
	reclaim_all();
	void *block = try_alloc(request);
	return block != NULL ? block : from_larger_class(request);
}
