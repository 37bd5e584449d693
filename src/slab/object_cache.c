/*
 * object_cache.c - which object caches there are: made, merged, ended (see object_cache.h).
 */
#include "slab/object_cache.h"

#include "base/report.h"
#include "base/settings.h"
#include "base/syscall.h"
#include "base/thread.h"
#include "slab/cache_lists.h"
#include "slab/reclaim.h"

#include <string.h>

enum {
	SLAB_MAX_BYTES = 32 << PAGE_SHIFT,
	PAGES_MAX = 16,            /* of slabs of several objects */
	SEVERAL_MAX_BYTES = 32768, /* above, a slab has one object: size_class_begins is exact up to here */
	PLAIN_OBJECTS = 512,       /* in a slab, where they fit: as few pages as hold so many and waste little; */
	KEPT_OBJECTS = 32,         /* fewer where each is written at once, needed or not */
	WASTE_SHIFT = 4,           /* little: a sixteenth */
	RED_ZONE_BYTES = 8,        /* behind an object, at least */
};

struct lock object_caches_lock;

static struct meta_queue ended_caches;

/* How an object cache is laid out: what decides if another may share its slabs. */
struct shape {
	struct size_class class;
	uint32_t front_bytes;
	uint32_t align_bytes;
	uint16_t colours;
	uint16_t colour_bytes;
};

static uint32_t front_bytes_of(const struct object_cache_request *request)
{
	if (!(request->flags & LM_CACHE_RED_ZONE))
		return 0;
	return (uint32_t)size_max(request->align_bytes, RED_ZONE_BYTES);
}

static size_t stride_of(const struct object_cache_request *request)
{
	size_t behind = request->flags & LM_CACHE_RED_ZONE ? RED_ZONE_BYTES : 0;
	return round_up(front_bytes_of(request) + request->bytes + behind, request->align_bytes);
}

size_t object_cache_max_bytes(const struct object_cache_request *request)
{
	size_t behind = request->flags & LM_CACHE_RED_ZONE ? RED_ZONE_BYTES : 0;
	return size_min(SLAB_MAX_BYTES - front_bytes_of(request) - behind, LM_CACHE_OBJECT_MAX);
}

/* Free objects are not to lose their content. */
static bool keeps_content(const struct object_cache_request *request)
{
	bool checked = (request->flags & (LM_CACHE_POISON | LM_CACHE_RED_ZONE)) != 0;
	return checked || request->ctor != NULL || request->dtor != NULL;
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

static struct shape shape_of(const struct object_cache_request *request)
{
	struct shape shape = {.front_bytes = front_bytes_of(request), .align_bytes = (uint32_t)request->align_bytes};
	size_t stride = stride_of(request);
	bool kept = keeps_content(request);
	size_t objects = 1;
	if (stride <= SEVERAL_MAX_BYTES)
		objects = objects_in(pages_for(stride, kept ? KEPT_OBJECTS : PLAIN_OBJECTS), stride);
	size_t npages = (objects * stride + PAGE_BYTES - 1) >> PAGE_SHIFT;
	size_t waste = (npages << PAGE_SHIFT) - objects * stride;
	enum page_rule rule = kept ? PAGES_KEPT : objects == 1 ? PAGES_ONE : PAGES_EACH;
	size_class_lay_out(&shape.class, (uint32_t)stride, (unsigned)objects, (unsigned)npages, rule);
	shape.colour_bytes = (uint16_t)size_max(request->align_bytes, CACHE_LINE_BYTES);
	shape.colours = (uint16_t)(waste / shape.colour_bytes + 1);
	return shape;
}

static bool may_merge(const struct object_cache_request *request)
{
	return setting(&settings.merge_caches) && !keeps_content(request) && !(request->flags & LM_CACHE_NO_MERGE);
}

/* An id whose slabs objects of the shape may share; 0: none. object_caches_lock is held. */
static unsigned find_mergeable(const struct shape *shape)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++) {
		const struct object_kind *kind = caches[id].kind;
		if (kind == NULL || kind->ender != 0 || (kind->flags & LM_CACHE_NO_MERGE) != 0 ||
		    size_classes[id].page_rule == PAGES_KEPT)
			continue;
		if (size_classes[id].bytes == shape->class.bytes && kind->align_bytes == shape->align_bytes)
			return id;
	}
	return 0;
}

/* object_caches_lock is held. 0: all are in use. */
static unsigned find_free_id(void)
{
	for (unsigned id = CLASS_COUNT; id < ID_COUNT; id++)
		if (caches[id].kind == NULL)
			return id;
	return 0;
}

/* Readers of the kind that are no users of the cache hold cache.lock. */
static void set_kind(unsigned id, struct object_kind *kind)
{
	cache_lock(&caches[id]);
	caches[id].kind = kind;
	cache_unlock(&caches[id]);
}

static void name_free(char *name) { meta_free(name, strlen(name) + 1); }

/* The handle of a cache. object_caches_lock is held. */
static struct lm_cache *handle_create(const struct object_cache_request *request, char *name, unsigned id)
{
	struct lm_cache *cache = meta_handle_alloc(&ended_caches, sizeof(struct lm_cache));
	if (cache != NULL)
		*cache = (struct lm_cache){
			.index = id - CLASS_COUNT,
			.object_bytes = request->bytes,
			.name = name,
		};
	return cache;
}

/* Ends the handle. No kind refers to it any more. object_caches_lock is held. */
static void handle_destroy(struct lm_cache *cache)
{
	meta_handle_end(&cache->handle, REPORT_CACHE_DESTROYED, "lm_cache_destroy");
	name_free(cache->name);
	cache->index = NO_INDEX;
	cache->kind = NULL;
	meta_handle_put(&ended_caches, &cache->handle);
}

/* A cache with a kind of its own. object_caches_lock is held. */
static enum object_cache_error found(const struct object_cache_request *request, char *name, const struct shape *shape,
				     struct lm_cache **cache)
{
	unsigned id = find_free_id();
	if (id == 0)
		return OBJECT_CACHE_TOO_MANY;
	struct object_kind *kind = meta_alloc(sizeof(struct object_kind));
	if (kind == NULL)
		return OBJECT_CACHE_NO_MEMORY;
	*cache = handle_create(request, name, id);
	if (*cache == NULL) {
		meta_free(kind, sizeof(struct object_kind));
		return OBJECT_CACHE_NO_MEMORY;
	}
	*kind = (struct object_kind){
		.ctor = request->ctor,
		.dtor = request->dtor,
		.object_bytes = (uint32_t)request->bytes,
		.front_bytes = shape->front_bytes,
		.align_bytes = shape->align_bytes,
		.flags = request->flags,
		.colours = shape->colours,
		.colour_bytes = shape->colour_bytes,
		.handles = *cache,
	};
	size_classes[id] = shape->class;
	(*cache)->kind = kind;
	set_kind(id, kind);
	if (id >= size_class_end())
		atomic_store_explicit(&size_class_ids_end, id + 1, memory_order_relaxed);
	return OBJECT_CACHE_OK;
}

/* A cache that shares the slabs of others. Of their handles the newest stands last. object_caches_lock is held. */
static enum object_cache_error join(const struct object_cache_request *request, char *name, unsigned id,
				    struct lm_cache **cache)
{
	struct object_kind *kind = caches[id].kind;
	*cache = handle_create(request, name, id);
	if (*cache == NULL)
		return OBJECT_CACHE_NO_MEMORY;
	(*cache)->kind = kind;
	struct lm_cache **link = &kind->handles;
	while (*link != NULL)
		link = &(*link)->next;
	*link = *cache;
	kind->object_bytes = (uint32_t)size_max(kind->object_bytes, request->bytes);
	return OBJECT_CACHE_OK;
}

static char *name_copy(const char *name)
{
	size_t bytes = strlen(name) + 1;
	char *copy = meta_alloc(bytes);
	return copy == NULL ? NULL : memcpy(copy, name, bytes);
}

enum object_cache_error object_cache_create(const struct object_cache_request *request, struct lm_cache **cache)
{
	struct shape shape = shape_of(request);
	char *name = name_copy(request->name);
	if (name == NULL)
		return OBJECT_CACHE_NO_MEMORY;
	lock_acquire(&object_caches_lock, RANK_CACHES);
	unsigned id = may_merge(request) ? find_mergeable(&shape) : 0;
	enum object_cache_error error =
		id != 0 ? join(request, name, id, cache) : found(request, name, &shape, cache);
	lock_release(&object_caches_lock, RANK_CACHES);
	if (error != OBJECT_CACHE_OK)
		name_free(name);
	return error;
}

/*
 * True if others share the slabs: then only the handle goes. Else nobody may join any more. A handle that has ended, or
 * that another thread is ending, is reported.
 */
static bool leave(struct lm_cache *cache)
{
	lock_acquire(&object_caches_lock, RANK_CACHES);
	object_cache_look(cache, "lm_cache_destroy");
	struct object_kind *kind = cache->kind;
	if (kind->ender != 0)
		report_bad_pointer(REPORT_CACHE_DESTROYED, cache, "lm_cache_destroy");
	bool shared = kind->handles->next != NULL;
	if (shared) {
		struct lm_cache **link = &kind->handles;
		while (*link != cache)
			link = &(*link)->next;
		*link = cache->next;
		handle_destroy(cache);
	} else {
		kind->ender = thread_self();
	}
	lock_release(&object_caches_lock, RANK_CACHES);
	return shared;
}

struct reporter {
	const struct lm_cache *cache;
	void (*report)(const struct lm_cache *cache, const void *object);
};

static void report_slot(void *slot, void *argument)
{
	const struct reporter *reporter = argument;
	reporter->report(reporter->cache, (char *)slot + reporter->cache->kind->front_bytes);
}

/*
 * All that magazines hold goes to the slabs: how many objects are live. They are counted and reported under one hold of
 * purge_lock: the free objects that a purger reserves look taken.
 */
static size_t gather(unsigned id, size_t report_max, struct reporter *reporter)
{
	object_bins_strip(id);
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain(id);
	size_t live = atomic_load_explicit(&caches[id].objects_out, memory_order_relaxed);
	if (live != 0)
		object_slabs_visit_taken(id, report_max, report_slot, reporter);
	lock_release(&purge_lock, RANK_PURGE);
	return live;
}

/* Slabs that purgers are at come back when they are done, and those that another thread is giving back go. */
static void wait_for_slabs(unsigned id)
{
	for (;;) {
		object_slabs_reap(id);
		lock_acquire(&purge_lock, RANK_PURGE);
		cache_lock(&caches[id]);
		bool gone = caches[id].slabs == 0;
		cache_unlock(&caches[id]);
		lock_release(&purge_lock, RANK_PURGE);
		if (gone)
			return;
		syscall3(SYS_sched_yield, 0, 0, 0);
	}
}

/* The depot begins anew with the next cache of the id: its credits and counts were this one's. */
static void depot_reset(unsigned id)
{
	struct depot *depot = &caches[id].depot;
	lock_acquire(&depot->lock, RANK_DEPOT);
	depot->nfull_min = 0;
	depot->operations = 0;
	atomic_store_explicit(&depot->credits, 0, memory_order_relaxed);
	atomic_store_explicit(&depot->giver, NULL, memory_order_relaxed);
	lock_release(&depot->lock, RANK_DEPOT);
}

size_t object_cache_destroy(struct lm_cache *cache, size_t report_max,
			    void (*report)(const struct lm_cache *cache, const void *object))
{
	if (leave(cache))
		return 0;
	unsigned id = object_cache_id(cache);
	struct object_kind *kind = cache->kind;
	size_t live = gather(id, report_max, &(struct reporter){cache, report});
	if (live != 0) {
		lock_acquire(&object_caches_lock, RANK_CACHES);
		kind->ender = 0;
		lock_release(&object_caches_lock, RANK_CACHES);
		return live;
	}
	wait_for_slabs(id);
	depot_reset(id);
	lock_acquire(&object_caches_lock, RANK_CACHES);
	set_kind(id, NULL);
	handle_destroy(cache);
	lock_release(&object_caches_lock, RANK_CACHES);
	meta_free(kind, sizeof(struct object_kind));
	return 0;
}

/* Slabs that become empty as the objects come back may go at once: so the pages are counted before and after. */
size_t object_cache_shrink(unsigned id)
{
	struct cache *cache = &caches[id];
	cache_lock(cache);
	uint32_t before = cache->slabs;
	cache_unlock(cache);
	object_bin_flush(id);
	lock_acquire(&purge_lock, RANK_PURGE);
	depot_drain(id);
	lock_release(&purge_lock, RANK_PURGE);
	object_slabs_reap(id);
	cache_lock(cache);
	uint32_t after = cache->slabs;
	cache_unlock(cache);
	return after < before ? (size_t)(before - after) * size_classes[id].pages << PAGE_SHIFT : 0;
}

void object_cache_info(const struct lm_cache *cache, struct lm_cache_info *info)
{
	unsigned id = object_cache_id(cache);
	struct cache *slabs = &caches[id];
	const struct size_class *class = &size_classes[id];
	size_t cached = object_bins_count(id) + atomic_load_explicit(&slabs->depot.objects, memory_order_relaxed);
	cache_lock(slabs);
	size_t out = atomic_load_explicit(&slabs->objects_out, memory_order_relaxed);
	*info = (struct lm_cache_info){
		.name = cache->name,
		.object_bytes = cache->object_bytes,
		.stride_bytes = class->bytes,
		.align_bytes = cache->kind->align_bytes,
		.slab_objects = class->objects,
		.slab_pages = class->pages,
		.slabs = slabs->slabs,
		.empty_slabs = cache->kind->empty_slabs,
		.live_objects = out - size_min(cached, out),
	};
	cache_unlock(slabs);
}

/* The cache that has the object out of its slabs, or NULL. */
static struct lm_cache *taken_from(uintptr_t object)
{
	struct lm_cache *handle = NULL;
	unsigned id = slab_objects_id(object);
	if (id == 0)
		return NULL;
	cache_lock(&caches[id]);
	const struct slab *slab = slab_objects_id(object) == id ? slab_of_cache(object, id) : NULL;
	if (slab != NULL) {
		uintptr_t slot = object - caches[id].kind->front_bytes;
		if (slab_object_begins(slab, slot) && !slab_says_free(slab, slot))
			handle = caches[id].kind->handles;
	}
	cache_unlock(&caches[id]);
	return handle;
}

static bool is_in_magazine(const struct lm_cache *cache, const void *object)
{
	unsigned id = object_cache_id(cache);
	return object_bins_hold(id, object) || depot_holds(id, object);
}

/*
 * For object_cache_of, which is to see a free object wherever it is on its way from magazine to depot to slab. So all
 * misses are locked out. purge_lock keeps out those who empty depots, and purgers, who reserve free objects. The fast
 * paths go on: an object that they push or pop just now is rightly called live as well as free. A purger may take long:
 * nobody waits for purge_lock while misses are locked out.
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

static void let_objects_go(void)
{
	lock_release(&purge_lock, RANK_PURGE);
	object_bins_unlock();
	lock_release(&object_caches_lock, RANK_CACHES);
}

struct lm_cache *object_cache_of(const void *object)
{
	hold_objects_still();
	struct lm_cache *cache = taken_from((uintptr_t)object);
	if (cache != NULL && is_in_magazine(cache, object))
		cache = NULL;
	let_objects_go();
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
