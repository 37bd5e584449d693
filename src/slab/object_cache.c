/*
 * object_cache.c - which object caches there are: made, merged, ended (see object_cache.h).
 */
#include "slab/object_cache.h"

#include "base/settings.h"
#include "base/syscall.h"
#include "page/meta.h"
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
		if (kind == NULL || kind->is_ending || (kind->flags & LM_CACHE_NO_MERGE) != 0 ||
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

/* A kind of its own for the handle. object_caches_lock is held. */
static enum object_cache_error found(struct lm_cache *cache, const struct object_cache_request *request,
				     const struct shape *shape)
{
	unsigned id = find_free_id();
	if (id == 0)
		return OBJECT_CACHE_TOO_MANY;
	struct object_kind *kind = meta_alloc(sizeof(struct object_kind));
	if (kind == NULL)
		return OBJECT_CACHE_NO_MEMORY;
	*kind = (struct object_kind){
		.ctor = request->ctor,
		.dtor = request->dtor,
		.object_bytes = (uint32_t)request->bytes,
		.front_bytes = shape->front_bytes,
		.align_bytes = shape->align_bytes,
		.flags = request->flags,
		.colours = shape->colours,
		.colour_bytes = shape->colour_bytes,
		.handles = cache,
	};
	size_classes[id] = shape->class;
	cache->kind = kind;
	cache->index = id - CLASS_COUNT;
	set_kind(id, kind);
	if (id >= size_class_end())
		atomic_store_explicit(&size_class_ids_end, id + 1, memory_order_relaxed);
	return OBJECT_CACHE_OK;
}

/* The newest handle stands last. object_caches_lock is held. */
static void join(struct lm_cache *cache, unsigned id, size_t bytes)
{
	struct object_kind *kind = caches[id].kind;
	struct lm_cache **link = &kind->handles;
	while (*link != NULL)
		link = &(*link)->next;
	*link = cache;
	cache->kind = kind;
	cache->index = id - CLASS_COUNT;
	kind->object_bytes = (uint32_t)size_max(kind->object_bytes, bytes);
}

static size_t handle_bytes(size_t name_length) { return sizeof(struct lm_cache) + name_length + 1; }

static void handle_free(struct lm_cache *cache) { meta_free(cache, handle_bytes(strlen(cache->name))); }

enum object_cache_error object_cache_create(const struct object_cache_request *request, struct lm_cache **cache)
{
	struct shape shape = shape_of(request);
	size_t length = strlen(request->name);
	struct lm_cache *made = meta_alloc(handle_bytes(length));
	if (made == NULL)
		return OBJECT_CACHE_NO_MEMORY;
	made->next = NULL;
	made->object_bytes = request->bytes;
	memcpy(made->name, request->name, length + 1);
	lock_acquire(&object_caches_lock, RANK_CACHES);
	enum object_cache_error error = OBJECT_CACHE_OK;
	unsigned id = may_merge(request) ? find_mergeable(&shape) : 0;
	if (id != 0)
		join(made, id, request->bytes);
	else
		error = found(made, request, &shape);
	lock_release(&object_caches_lock, RANK_CACHES);
	if (error == OBJECT_CACHE_OK)
		*cache = made;
	else
		handle_free(made);
	return error;
}

/* True if others share the slabs: then only the handle goes. Else nobody may join any more. */
static bool leave(struct lm_cache *cache)
{
	struct object_kind *kind = cache->kind;
	lock_acquire(&object_caches_lock, RANK_CACHES);
	bool shared = kind->handles->next != NULL;
	if (shared) {
		struct lm_cache **link = &kind->handles;
		while (*link != cache)
			link = &(*link)->next;
		*link = cache->next;
	} else {
		kind->is_ending = true;
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
	unsigned id = object_cache_id(cache);
	struct object_kind *kind = cache->kind;
	if (leave(cache)) {
		handle_free(cache);
		return 0;
	}
	size_t live = gather(id, report_max, &(struct reporter){cache, report});
	if (live != 0) {
		lock_acquire(&object_caches_lock, RANK_CACHES);
		kind->is_ending = false;
		lock_release(&object_caches_lock, RANK_CACHES);
		return live;
	}
	wait_for_slabs(id);
	depot_reset(id);
	lock_acquire(&object_caches_lock, RANK_CACHES);
	set_kind(id, NULL);
	lock_release(&object_caches_lock, RANK_CACHES);
	meta_free(kind, sizeof(struct object_kind));
	handle_free(cache);
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

/* Whether the slab's cache has the object out. The slab of a live object stays where it is. */
static struct lm_cache *cache_of_slab(const struct slab *slab, uintptr_t object)
{
	struct cache *cache = &caches[slab->class];
	cache_lock(cache);
	uintptr_t slot = cache->kind == NULL ? 0 : object - cache->kind->front_bytes;
	bool live = slot != 0 && slab_object_begins(slab, slot) && !slab_says_free(slab, slot);
	struct lm_cache *handle = live ? cache->kind->handles : NULL;
	cache_unlock(cache);
	return handle;
}

struct lm_cache *object_cache_of(const void *object)
{
	lock_acquire(&object_caches_lock, RANK_CACHES);
	const struct slab *slab = slab_of_objects((uintptr_t)object);
	struct lm_cache *cache = slab == NULL ? NULL : cache_of_slab(slab, (uintptr_t)object);
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
