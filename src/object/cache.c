/*
 * cache.c - object caches as the program sees them (libmalloc/cache.h, lm_cache_create(3)): arguments are checked,
 * errno is set, a shortage of memory is met. The caches themselves are in object/object_cache.h.
 */
#include "base/bits.h"
#include "base/compiler.h"
#include "heap/flags.h"
#include "heap/heap.h"
#include "heap/pointer.h"
#include "heap/request.h"
#include "object/object_alloc.h"
#include "object/object_cache.h"
#include "os/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN_MIN = 8, REPORTED_MAX = 16 /* live objects that lm_cache_destroy names */, DELETE_CHARACTER = 0x7f };

#define CACHE_FLAGS (LM_CACHE_HWALIGN | LM_CACHE_POISON | LM_CACHE_RED_ZONE | LM_CACHE_NO_MERGE | LM_CACHE_PANIC)

static bool name_is_valid(const char *name)
{
	size_t length = 0;
	if (name == NULL)
		return false;
	for (; name[length] != '\0'; length++)
		if ((unsigned char)name[length] <= ' ' || name[length] == DELETE_CHARACTER ||
		    length == LM_CACHE_NAME_MAX)
			return false;
	return length > 0;
}

/* What is wrong with the arguments of lm_cache_create, as a sentence; NULL: nothing. `kind` is made from them. */
static const char *create_fault(const char *name, size_t size, size_t align, const struct object_kind *kind)
{
	if (!name_is_valid(name))
		return "name must be 1 to 127 characters without blanks or control characters";
	if ((kind->flags & ~CACHE_FLAGS) != 0)
		return "flags must be LM_CACHE_... of libmalloc/cache.h";
	if (align != 0 && (!is_power_of_two(align) || align > LM_CACHE_ALIGN_MAX))
		return REFUSED_ALIGN;
	if (size == 0 || size > LM_CACHE_OBJECT_MAX)
		return "size must be 1 to 131072";
	if (size > object_cache_max_bytes(kind))
		return "size with LM_CACHE_RED_ZONE must be at most 131064 less align";
	if ((kind->flags & LM_CACHE_POISON) != 0 && (kind->ctor != NULL || kind->dtor != NULL))
		return REFUSED_POISON;
	return NULL;
}

static size_t align_of(size_t size, size_t align, unsigned flags)
{
	size_t natural = size >= CLASS_GRAIN_BYTES ? CLASS_GRAIN_BYTES : ALIGN_MIN;
	size_t least = flags & LM_CACHE_HWALIGN ? CACHE_LINE_BYTES : ALIGN_MIN;
	return size_max(align != 0 ? align : natural, least);
}

/* LM_CACHE_PANIC. error: ENOMEM, ENOSPC; or EINVAL, which is reported already. */
static cold _Noreturn void panic(int error, const char *name)
{
	if (error != EINVAL)
		report_warning("%s: %s (lm_cache_create)",
			       error == ENOSPC ? REPORT_TOO_MANY_CACHES : REPORT_OUT_OF_MEMORY, name);
	abort();
}

LM_EXPORT cold struct lm_cache *lm_cache_create(const char *name, size_t size, size_t align, unsigned flags,
						void (*ctor)(void *object), void (*dtor)(void *object))
{
	struct object_kind kind = {
		.ctor = ctor,
		.dtor = dtor,
		.object_bytes = (uint32_t)size,
		.align_bytes = (uint32_t)align_of(size, align, flags),
		.flags = flags,
	};
	struct lm_cache *cache = NULL;
	int error = EINVAL;
	const char *fault = create_fault(name, size, align, &kind);
	if (fault == NULL)
		cache = object_cache_create(name, &kind, &error);
	else
		refuse("lm_cache_create", fault);
	if (cache != NULL)
		return cache;
	if ((flags & LM_CACHE_PANIC) != 0)
		panic(error, name);
	errno = error;
	return NULL;
}

static void *attempt_object(const struct request *request)
{
	const struct lm_cache *cache = request->context;
	void *object = object_alloc(cache);
	return object != NULL ? object : object_alloc_slow(object_cache_id(cache));
}

static void *attempt_object_quietly(const struct request *request)
{
	return object_alloc_quietly(object_cache_id(request->context));
}

static void *serve_object(struct lm_cache *cache, unsigned flags, const char *function)
{
	struct request request = {
		.bytes = cache->object_bytes,
		.flags = flags,
		.function = function,
		.attempt = flags & LM_NOSYSCALL ? attempt_object_quietly : attempt_object,
		.context = cache,
	};
	return request_serve(&request);
}

static noinline void *alloc_missed(struct lm_cache *cache)
{
	object_cache_look(cache, "lm_cache_alloc");
	void *object = serve_object(cache, 0, NULL);
	return likely(object != NULL) ? object : no_memory();
}

LM_EXPORT void *lm_cache_alloc(struct lm_cache *cache)
{
	void *object = object_alloc(cache);
	return likely(object != NULL) ? object : alloc_missed(cache);
}

LM_EXPORT void *lm_cache_alloc_flags(struct lm_cache *cache, unsigned flags)
{
	static const char function[] = "lm_cache_alloc_flags";
	object_cache_look(cache, function);
	if (!flags_accept(flags, FLAGS_CACHE, function))
		return NULL;
	if ((flags & LM_ZERO) && cache->kind->ctor != NULL)
		return refuse(function, REFUSED_ZERO);
	void *object = serve_object(cache, flags, function);
	return object != NULL && (flags & LM_ZERO) ? memset(object, 0, cache->object_bytes) : object;
}

/* No object of the cache begins at the pointer. */
static cold _Noreturn void report_not_of_cache(const void *object, const char *function)
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
		report_not_of_cache(object, function);
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

LM_EXPORT cold size_t lm_cache_alloc_bulk(struct lm_cache *cache, size_t count, void **objects)
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

LM_EXPORT cold size_t lm_cache_shrink(struct lm_cache *cache)
{
	object_cache_look(cache, "lm_cache_shrink");
	return object_cache_shrink(object_cache_id(cache));
}

LM_EXPORT cold size_t lm_cache_destroy(struct lm_cache *cache)
{
	const void *objects[REPORTED_MAX];
	size_t live = cache == NULL ? 0 : object_cache_destroy(cache, objects, REPORTED_MAX);
	for (size_t i = 0; i < size_min(live, REPORTED_MAX); i++)
		report_warning("live object of cache %s: 0x%zx (lm_cache_destroy)", cache->name, (size_t)objects[i]);
	if (live != 0)
		report_warning("live objects: %zu of cache %s (lm_cache_destroy)", live, cache->name);
	return live;
}

LM_EXPORT cold void lm_cache_info(struct lm_cache *cache, struct lm_cache_info *info)
{
	object_cache_look(cache, "lm_cache_info");
	object_cache_info(cache, info);
}

LM_EXPORT cold struct lm_cache *lm_cache_of(const void *object) { return object_cache_of(object); }
