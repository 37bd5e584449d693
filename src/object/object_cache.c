/* object_cache.c - which object caches there are: made, merged, ended (see object_cache.h). */
#include "object/object_cache.h"

#include "base/bits.h"
#include "base/settings.h"
#include "heap/request.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "object/object_alloc.h"
#include "object/object_bin.h"
#include "object/object_slabs.h"
#include "os/report.h"
#include "os/syscall.h"
#include "os/thread.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <string.h>

enum {
	SLAB_MAX_BYTES = 32 << PAGE_SHIFT,
	PAGES_MAX = 16,            /* of slabs of several objects */
	SEVERAL_MAX_BYTES = 32768, /* above, a slab has one object: size_class_begins is exact up to here */
	PLAIN_OBJECTS = 512,       /* objects wanted in a slab */
	KEPT_OBJECTS = 32,         /* objects wanted in a slab of which each is written when the slab is made */
	WASTE_SHIFT = 4,           /* the first number of pages that wastes at most 1/2^this of its objects will do */
	RED_ZONE_BYTES = 8,        /* bytes behind an object, at least */
};

struct lock object_caches_lock;

static struct meta_queue ended_caches; /* meta_lock guards it (page/meta.h) */

static const struct objects_of_caches functions = {object_free_any, object_usable, object_slabs_reap_all};

static size_t front_bytes_of(const struct object_kind *kind)
{
	return kind->flags & LM_CACHE_RED_ZONE ? size_max(kind->align_bytes, RED_ZONE_BYTES) : 0;
}

static size_t behind_bytes_of(const struct object_kind *kind)
{
	return kind->flags & LM_CACHE_RED_ZONE ? RED_ZONE_BYTES : 0;
}

size_t object_cache_max_bytes(const struct object_kind *kind)
{
	return size_min(SLAB_MAX_BYTES - front_bytes_of(kind) - behind_bytes_of(kind), LM_CACHE_OBJECT_MAX);
}

static size_t objects_in(size_t npages, size_t stride)
{
	return size_min((npages << PAGE_SHIFT) / stride, SLAB_MAX_OBJECTS);
}

/* The pages of a slab of several objects: the first number that holds enough of them and wastes little. */
static size_t pages_for(size_t stride, size_t wanted)
{
	size_t least = size_min(wanted, objects_in(PAGES_MAX, stride));
	for (size_t npages = 1; npages < PAGES_MAX; npages++) {
		size_t bytes = objects_in(npages, stride) * stride;
		size_t waste = round_up(bytes, PAGE_BYTES) - bytes;
		if (objects_in(npages, stride) >= least && waste <= bytes >> WASTE_SHIFT)
			return npages;
	}
	return PAGES_MAX;
}

/* Sets what follows from the caller's fields of `kind`. */
static void lay_out(struct object_kind *kind, struct size_class *class)
{
	size_t front = front_bytes_of(kind);
	size_t stride = round_up(front + kind->object_bytes + behind_bytes_of(kind), kind->align_bytes);
	bool keeps_content = object_cache_is_checked(kind) || kind->ctor != NULL || kind->dtor != NULL;
	size_t objects = 1;
	if (stride <= SEVERAL_MAX_BYTES)
		objects = objects_in(pages_for(stride, keeps_content ? KEPT_OBJECTS : PLAIN_OBJECTS), stride);
	size_t npages = (objects * stride + PAGE_BYTES - 1) >> PAGE_SHIFT;
	size_t waste = (npages << PAGE_SHIFT) - objects * stride;
	enum page_rule rule = keeps_content ? PAGES_KEPT : objects == 1 ? PAGES_ONE : PAGES_EACH;
	size_class_lay_out(class, (uint32_t)stride, (unsigned)objects, (unsigned)npages, rule);
	kind->front_bytes = (uint32_t)front;
	kind->colour_bytes = (uint16_t)size_max(kind->align_bytes, CACHE_LINE_BYTES);
	kind->colours = (uint16_t)(waste / kind->colour_bytes + 1);
}

/* True if another cache may share the slabs of this kind, which is laid out as `class`. */
static bool kind_may_merge(const struct object_kind *kind, const struct size_class *class)
{
	return kind->destroyer == 0 && (kind->flags & LM_CACHE_NO_MERGE) == 0 && class->page_rule != PAGES_KEPT;
}

/* An id whose slabs objects of this kind may share; 0: none. object_caches_lock is held. */
static unsigned find_mergeable(const struct object_kind *kind, const struct size_class *class)
{
	if (!load_relaxed(&settings.merge_caches) || !kind_may_merge(kind, class))
		return 0;
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++) {
		const struct object_kind *other = caches[id].kind;
		if (other != NULL && kind_may_merge(other, &size_classes[id]) &&
		    size_classes[id].bytes == class->bytes && other->align_bytes == kind->align_bytes)
			return id;
	}
	return 0;
}

/* Threads that read the kind and do not use the cache hold cache.lock. */
static void set_kind(unsigned id, struct object_kind *kind)
{
	cache_lock(&caches[id]);
	caches[id].kind = kind;
	caches[id].has_destructor = kind != NULL && kind->dtor != NULL;
	cache_unlock(&caches[id]);
}

/* A new id with this kind, which has no handles yet; 0: *error says why not. object_caches_lock is held. */
static unsigned kind_create(const struct object_kind *kind, const struct size_class *class, int *error)
{
	unsigned id = CLASS_COUNT;
	while (id < ID_COUNT && caches[id].kind != NULL)
		id++;
	struct object_kind *copy = id == ID_COUNT ? NULL : meta_alloc(sizeof(struct object_kind));
	if (copy == NULL) {
		*error = id == ID_COUNT ? ENOSPC : ENOMEM;
		return 0;
	}
	*copy = *kind;
	size_classes[id] = *class;
	set_kind(id, copy);
	if (id >= size_class_end())
		store_relaxed(&size_class_ids_end, id + 1);
	return id;
}

/* The kind has no handles any more. object_caches_lock is held. */
static void kind_destroy(unsigned id)
{
	struct object_kind *kind = caches[id].kind;
	set_kind(id, NULL);
	meta_free(kind, sizeof(struct object_kind));
}

static char *name_copy(const char *name)
{
	size_t bytes = strlen(name) + 1;
	char *copy = meta_alloc(bytes);
	return copy == NULL ? NULL : memcpy(copy, name, bytes);
}

static void name_free(char *name) { meta_free(name, strlen(name) + 1); }

/* The last handle of the id's kind; NULL: no memory. object_caches_lock is held. */
static struct lm_cache *handle_create(const char *name, size_t bytes, unsigned id)
{
	struct object_kind *kind = caches[id].kind;
	struct lm_cache **link = &kind->handles;
	char *copy = name_copy(name);
	struct lm_cache *cache = copy == NULL ? NULL : meta_handle_alloc(&ended_caches, sizeof(struct lm_cache));
	if (cache == NULL) {
		if (copy != NULL)
			name_free(copy);
		return NULL;
	}
	*cache = (struct lm_cache){
		.index = id - CLASS_COUNT,
		.kind = kind,
		.object_bytes = bytes,
		.name = copy,
	};
	while (*link != NULL)
		link = &(*link)->next;
	*link = cache;
	kind->object_bytes = (uint32_t)size_max(kind->object_bytes, bytes);
	return cache;
}

/* object_caches_lock is held. */
static void handle_destroy(struct lm_cache *cache)
{
	struct lm_cache **link = &cache->kind->handles;
	meta_handle_end(&cache->handle, REPORT_CACHE_DESTROYED, "lm_cache_destroy");
	while (*link != cache)
		link = &(*link)->next;
	*link = cache->next;
	name_free(cache->name);
	cache->index = NO_INDEX;
	cache->kind = NULL;
	meta_handle_put(&ended_caches, &cache->handle);
}

struct lm_cache *object_cache_create(const char *name, struct object_kind *kind, int *error)
{
	struct size_class class;
	struct lm_cache *cache = NULL;
	lay_out(kind, &class);
	objects_register(&functions);
	lock_acquire(&object_caches_lock, RANK_CACHES);
	unsigned id = find_mergeable(kind, &class);
	if (id == 0)
		id = kind_create(kind, &class, error);
	if (id != 0) {
		*error = ENOMEM;
		cache = handle_create(name, kind->object_bytes, id);
		if (cache == NULL && caches[id].kind->handles == NULL)
			kind_destroy(id);
	}
	lock_release(&object_caches_lock, RANK_CACHES);
	return cache;
}

/*
 * True if other caches share the slabs: then only the handle goes. Else no cache may join any more. A handle that has
 * ended, or that another thread is ending, is reported.
 */
static bool leave_shared(struct lm_cache *cache)
{
	lock_acquire(&object_caches_lock, RANK_CACHES);
	struct object_kind *kind = cache->kind; /* NULL: the handle has ended */
	if (unlikely(kind == NULL || kind->destroyer != 0)) {
		lock_release(&object_caches_lock, RANK_CACHES); /* a handler of SIGABRT may need it */
		report_bad_pointer(REPORT_CACHE_DESTROYED, cache, "lm_cache_destroy");
	}
	bool is_shared = kind->handles->next != NULL;
	if (is_shared)
		handle_destroy(cache);
	else
		kind->destroyer = thread_self();
	lock_release(&object_caches_lock, RANK_CACHES);
	return is_shared;
}

/*
 * Moves all objects in magazines to the slabs: how many objects are live. They are counted and listed under one hold
 * of purge_lock, since free objects that a purger has reserved look taken.
 */
static size_t strip_cache(unsigned id, const void **objects, size_t most)
{
	object_bins_strip(id);
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain(id);
	size_t live = cache_objects_out(id);
	if (live != 0)
		object_slabs_list_taken(id, objects, most);
	lock_release(&purge_lock, RANK_PURGE);
	report_noted();
	return live;
}

static uint32_t count_slabs(unsigned id)
{
	cache_lock(&caches[id]);
	uint32_t slabs = caches[id].slabs;
	cache_unlock(&caches[id]);
	return slabs;
}

/* A purger puts its slabs back when it is done; slabs that another thread is giving back go. */
static void wait_for_slabs(unsigned id)
{
	for (;;) {
		object_slabs_reap(id);
		lock_acquire(&purge_lock, RANK_PURGE);
		uint32_t slabs = count_slabs(id);
		lock_release(&purge_lock, RANK_PURGE);
		if (slabs == 0)
			return;
		syscall3(SYS_sched_yield, 0, 0, 0);
	}
}

size_t object_cache_destroy(struct lm_cache *cache, const void **objects, size_t most)
{
	if (leave_shared(cache))
		return 0;
	unsigned id = object_cache_id(cache);
	size_t live = strip_cache(id, objects, most);
	if (live == 0) {
		wait_for_slabs(id);
		depot_reset(id);
	}
	lock_acquire(&object_caches_lock, RANK_CACHES);
	if (live == 0) {
		handle_destroy(cache);
		kind_destroy(id);
	} else {
		cache->kind->destroyer = 0;
	}
	lock_release(&object_caches_lock, RANK_CACHES);
	return live;
}

/* Slabs that become empty as the objects come back may go at once. So slabs are counted before and after. */
size_t object_cache_shrink(unsigned id)
{
	uint32_t before = count_slabs(id);
	object_bin_flush(id);
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain(id);
	lock_release(&purge_lock, RANK_PURGE);
	report_noted();
	object_slabs_reap(id);
	uint32_t after = count_slabs(id);
	return after < before ? (size_t)(before - after) * size_classes[id].pages << PAGE_SHIFT : 0;
}

void object_cache_info(const struct lm_cache *cache, struct lm_cache_info *info)
{
	unsigned id = object_cache_id(cache);
	struct cache *slabs = &caches[id];
	const struct size_class *class = &size_classes[id];
	size_t cached = object_bins_count(id) + depot_objects(id);
	cache_lock(slabs);
	size_t out = cache_objects_out(id);
	*info = (struct lm_cache_info){
		.name = cache->name,
		.object_bytes = cache->object_bytes,
		.stride_bytes = class->bytes,
		.align_bytes = cache->kind->align_bytes,
		.slab_objects = class->objects,
		.slab_pages = class->pages,
		.slabs = slabs->slabs,
		.empty_slabs = slabs->empty_slabs,
		.live_objects = out - size_min(cached, out),
	};
	cache_unlock(slabs);
}

/* The cache that has the object out of its slabs, or NULL. */
static struct lm_cache *handle_of_taken(uintptr_t object)
{
	struct lm_cache *handle = NULL;
	unsigned id = slab_objects_id(object);
	if (id == 0)
		return NULL;
	cache_lock(&caches[id]);
	const struct object_kind *kind = caches[id].kind;
	if (kind != NULL && slab_object_is_taken(object - kind->front_bytes, id))
		handle = kind->handles;
	cache_unlock(&caches[id]);
	return handle;
}

/*
 * A free object may be on its way from magazine to depot to slab; object_cache_of must see it wherever it is. So all
 * misses are locked out, and purge_lock keeps out threads that empty depots, and purgers, which reserve free objects.
 * The fast paths go on: an object that they push or pop at this moment may be called live or free. A purger may take
 * long: nobody waits for purge_lock while misses are locked out.
 */
static void hold_objects_still(void)
{
	for (;;) {
		lock_acquire(&object_caches_lock, RANK_CACHES);
		object_bins_lock();
		if (lock_try_acquire(&purge_lock, RANK_PURGE))
			return;
		object_bins_unlock();
		lock_release(&object_caches_lock, RANK_CACHES);
		lock_acquire(&purge_lock, RANK_PURGE);
		lock_release(&purge_lock, RANK_PURGE);
	}
}

struct lm_cache *object_cache_of(const void *object)
{
	hold_objects_still();
	struct lm_cache *cache = handle_of_taken((uintptr_t)object);
	unsigned id = cache == NULL ? 0 : object_cache_id(cache);
	if (id != 0 && (object_bins_hold(id, object) || depot_holds(id, object)))
		cache = NULL;
	lock_release(&purge_lock, RANK_PURGE);
	object_bins_unlock();
	lock_release(&object_caches_lock, RANK_CACHES);
	return cache;
}

void object_caches_for_each(void (*visit)(unsigned id, void *argument), void *argument)
{
	lock_acquire(&object_caches_lock, RANK_CACHES);
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		if (caches[id].kind != NULL)
			visit(id, argument);
	lock_release(&object_caches_lock, RANK_CACHES);
}
