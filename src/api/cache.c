/*
 * cache.c - object caches as the program sees them (libmalloc/cache.h, lm_cache_create(3)): what is asked for is looked
 * at, errno set, shortage met. The caches themselves are slab/object_cache.h.
 */
#include "api/patience.h"
#include "api/refuse.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "base/report.h"
#include "base/text.h"
#include "malloc/heap.h"
#include "malloc/pointer.h"
#include "malloc/shortage.h"
#include "slab/object_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ALIGN_MIN = 8,
	REPORTED_MAX = 16, /* live objects that lm_cache_destroy names */
	NAMED_BYTES = LM_CACHE_NAME_MAX + 64, /* of a line that names a cache */
};

#define CACHE_FLAGS (LM_CACHE_HWALIGN | LM_CACHE_POISON | LM_CACHE_RED_ZONE | LM_CACHE_NO_MERGE | LM_CACHE_PANIC)

static bool name_is_right(const char *name)
{
	size_t length = 0;
	if (name == NULL)
		return false;
	for (; name[length] != '\0'; length++)
		if ((unsigned char)name[length] <= ' ' || length == LM_CACHE_NAME_MAX)
			return false;
	return length > 0;
}

/* What is wrong with a request, and what is right; NULL: nothing. */
static const char *fault_of(const struct object_cache_request *request, size_t align)
{
	if (!name_is_right(request->name))
		return "name is to be 1 to 127 characters, none of them a blank";
	if ((request->flags & ~CACHE_FLAGS) != 0)
		return "flags are to be LM_CACHE_... of libmalloc/cache.h";
	if (align != 0 && (!is_power_of_two(align) || align > LM_CACHE_ALIGN_MAX))
		return REFUSED_ALIGN;
	if (request->bytes == 0 || request->bytes > LM_CACHE_OBJECT_MAX)
		return "size is to be 1 to 131072";
	if (request->bytes > object_cache_max_bytes(request))
		return "size with LM_CACHE_RED_ZONE is to be at most 131064 less align";
	if ((request->flags & LM_CACHE_POISON) != 0 && (request->ctor != NULL || request->dtor != NULL))
		return REFUSED_POISON;
	return NULL;
}

static size_t align_of(size_t size, size_t align, unsigned flags)
{
	size_t natural = size >= CLASS_GRAIN_BYTES ? CLASS_GRAIN_BYTES : ALIGN_MIN;
	size_t wanted = align != 0 ? size_max(align, ALIGN_MIN) : natural;
	return flags & LM_CACHE_HWALIGN ? size_max(wanted, CACHE_LINE_BYTES) : wanted;
}

/* Memory or the ids of caches have run out: `what` says which. */
static cold struct lm_cache *fail(int error, const char *what, const struct object_cache_request *request)
{
	if ((request->flags & LM_CACHE_PANIC) != 0) {
		char buffer[NAMED_BYTES];
		struct text text = text_begin(buffer, sizeof(buffer));
		text_add(&text, request->name);
		text_add(&text, " (lm_cache_create)");
		text_end(&text);
		report_warning(what, buffer);
		abort();
	}
	errno = error;
	return NULL;
}

static cold struct lm_cache *refuse_request(const char *fault, unsigned flags)
{
	refuse("lm_cache_create", fault);
	if ((flags & LM_CACHE_PANIC) != 0)
		abort();
	return NULL;
}

LM_EXPORT struct lm_cache *lm_cache_create(const char *name, size_t size, size_t align, unsigned flags,
					   void (*ctor)(void *object), void (*dtor)(void *object))
{
	struct object_cache_request request = {
		.name = name,
		.bytes = size,
		.align_bytes = align_of(size, align, flags),
		.flags = flags,
		.ctor = ctor,
		.dtor = dtor,
	};
	const char *fault = fault_of(&request, align);
	if (fault != NULL)
		return refuse_request(fault, flags);
	struct lm_cache *cache;
	switch (object_cache_create(&request, &cache)) {
	case OBJECT_CACHE_OK:
		return cache;
	case OBJECT_CACHE_TOO_MANY:
		return fail(ENOSPC, REPORT_TOO_MANY_CACHES, &request);
	default:
		return fail(ENOMEM, REPORT_OUT_OF_MEMORY, &request);
	}
}

static void *try_again(const struct request *request) { return object_alloc_slow(request->size_class); }

/* All that lies idle is given back before an object is refused. */
static void *alloc_in_shortage(unsigned id)
{
	struct request request = {.size_class = id};
	return shortage_retry(&request, try_again);
}

static void *alloc_patiently(unsigned id)
{
	struct patience patience = {0};
	void *object;
	while ((object = alloc_in_shortage(id)) == NULL)
		patience_wait(&patience);
	return object;
}

static noinline void *alloc_slow(struct lm_cache *cache)
{
	object_cache_look(cache, "lm_cache_alloc");
	unsigned id = object_cache_id(cache);
	void *object = object_alloc_slow(id);
	if (unlikely(object == NULL))
		object = alloc_in_shortage(id);
	if (unlikely(object == NULL))
		errno = ENOMEM;
	return object;
}

LM_EXPORT void *lm_cache_alloc(struct lm_cache *cache)
{
	void *object = object_alloc(cache);
	return likely(object != NULL) ? object : alloc_slow(cache);
}

static void *alloc_as(const struct lm_cache *cache, unsigned flags)
{
	unsigned id = object_cache_id(cache);
	if (flags & LM_NOSYSCALL)
		return object_alloc_quietly(id);
	void *object = object_alloc(cache);
	if (object == NULL)
		object = object_alloc_slow(id);
	if (unlikely(object == NULL) && !(flags & LM_NORETRY))
		object = flags & LM_NOFAIL ? alloc_patiently(id) : alloc_in_shortage(id);
	return object;
}

LM_EXPORT void *lm_cache_alloc_flags(struct lm_cache *cache, unsigned flags)
{
	static const char function[] = "lm_cache_alloc_flags";
	object_cache_look(cache, function);
	if (!flags_accept(flags, FLAGS_CACHE, function))
		return NULL;
	if ((flags & LM_ZERO) && cache->kind->ctor != NULL)
		return refuse(function, REFUSED_ZERO);
	void *object = alloc_as(cache, flags);
	if (object == NULL)
		return out_of_memory(function, cache->object_bytes, flags);
	return flags & LM_ZERO ? memset(object, 0, cache->object_bytes) : object;
}

/* No object of the cache begins at the pointer. */
static cold void report_wrong(const void *object, const char *function)
{
	if (heap_usable(object) != 0)
		report_bad_pointer(REPORT_OTHER_CACHE, object, function);
	pointer_report(object, function);
}

static noinline void free_slow(struct lm_cache *cache, void *object, const char *function)
{
	object_cache_look(cache, function);
	if (object == NULL)
		return;
	int saved = errno;
	if (unlikely(!object_free_slow(object_cache_id(cache), object, function)))
		report_wrong(object, function);
	errno = saved;
}

/* An object of another slab than the one before. */
static noinline void free_elsewhere(struct lm_cache *cache, void *object, const char *function)
{
	if (unlikely(!object_bin_push_elsewhere(cache->index, object)))
		free_slow(cache, object, function);
}

LM_EXPORT void lm_cache_free(struct lm_cache *cache, void *object)
{
	if (unlikely(!object_free(cache, object)))
		free_elsewhere(cache, object, "lm_cache_free");
}

LM_EXPORT void lm_cache_free_bulk(struct lm_cache *cache, size_t count, void **objects)
{
	object_cache_look(cache, "lm_cache_free_bulk");
	for (size_t i = 0; i < count; i++)
		if (unlikely(!object_free(cache, objects[i])))
			free_elsewhere(cache, objects[i], "lm_cache_free_bulk");
}

LM_EXPORT size_t lm_cache_alloc_bulk(struct lm_cache *cache, size_t count, void **objects)
{
	object_cache_look(cache, "lm_cache_alloc_bulk");
	for (size_t i = 0; i < count; i++) {
		objects[i] = lm_cache_alloc(cache);
		if (unlikely(objects[i] == NULL)) {
			lm_cache_free_bulk(cache, i, objects);
			errno = ENOMEM;
			return 0;
		}
	}
	return count;
}

LM_EXPORT size_t lm_cache_shrink(struct lm_cache *cache)
{
	object_cache_look(cache, "lm_cache_shrink");
	return object_cache_shrink(object_cache_id(cache));
}

static void report_live(const struct lm_cache *cache, const void *object)
{
	report_object("live object", cache->name, object, "lm_cache_destroy");
}

static cold void report_number(const struct lm_cache *cache, size_t live)
{
	char buffer[NAMED_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	text_add_number(&text, live, 0);
	text_add(&text, " of cache ");
	text_add(&text, cache->name);
	text_add(&text, " (lm_cache_destroy)");
	text_end(&text);
	report_warning("live objects", buffer);
}

LM_EXPORT size_t lm_cache_destroy(struct lm_cache *cache)
{
	size_t live = cache == NULL ? 0 : object_cache_destroy(cache, REPORTED_MAX, report_live);
	if (unlikely(live != 0))
		report_number(cache, live);
	return live;
}

LM_EXPORT void lm_cache_info(struct lm_cache *cache, struct lm_cache_info *info)
{
	object_cache_look(cache, "lm_cache_info");
	object_cache_info(cache, info);
}

LM_EXPORT struct lm_cache *lm_cache_of(const void *object) { return object_cache_of(object); }
