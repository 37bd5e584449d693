/* object_slabs.c - see object_slabs.h. */
#include "object/object_slabs.h"

#include "base/bitmap.h"
#include "magazine/thread_cache.h"
#include "object/object_check.h"
#include "os/thread.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

static void construct(const struct slab *slab, const struct object_kind *kind)
{
	const struct size_class *class = &size_classes[slab->class];
	if (kind->ctor == NULL && !object_cache_is_checked(kind))
		return;
	for (unsigned i = 0; i < class->objects; i++) {
		char *slot = slab_object(slab, i);
		object_check_made(kind, class, slot);
		if (kind->ctor != NULL)
			kind->ctor(slot + kind->front_bytes);
	}
}

static void destruct(const struct slab *slab, const struct object_kind *kind)
{
	if (kind->dtor == NULL)
		return;
	for (unsigned i = 0; i < size_classes[slab->class].objects; i++)
		kind->dtor((char *)slab_object(slab, i) + kind->front_bytes);
}

void *object_slabs_grow(unsigned id)
{
	struct cache *cache = &caches[id];
	struct object_kind *kind = cache->kind;
	uint32_t turn = add_relaxed(&kind->colour_turn, 1);
	struct slab *slab = slab_create_coloured(id, turn % kind->colours * kind->colour_bytes);
	if (slab == NULL)
		return NULL;
	construct(slab, kind);
	void *slot;
	cache_lock(cache);
	slab_link(cache, slab);
	uint64_t before = slab_page_state(slab);
	slab_take(slab, &slot, 1);
	slab_relist(cache, slab, before);
	cache_count_out(cache, 1);
	cache_unlock(cache);
	return slot;
}

/* Which empty slabs to give back: all; those beyond what is kept; all of a cache with, or without, a destructor. */
enum reap { REAP_ALL, REAP_SURPLUS, REAP_DESTRUCTED, REAP_PLAIN };

static bool may_reap(const struct cache *cache, enum reap which)
{
	if (which == REAP_SURPLUS)
		return cache->empty_slabs > cache_kept_slabs(cache);
	return cache->empty_slabs > 0 && (which == REAP_ALL || cache->has_destructor == (which == REAP_DESTRUCTED));
}

/* Moves an empty slab to `leaving`, or NULL. Since the last call the id may have become another cache's. */
static struct slab *unlist_empty(struct cache *cache, enum reap which)
{
	struct slab *slab = NULL;
	cache_lock(cache);
	if (may_reap(cache, which)) {
		slab = list_entry(cache->list[BUCKET_EMPTY].last, struct slab, listed);
		slab_unlist(cache, slab);
		slab->releaser = thread_self();
		list_push_back(&cache->leaving, &slab->listed);
	}
	cache_unlock(cache);
	return slab;
}

static void uncount_leaving(struct cache *cache, struct slab *slab)
{
	list_remove(&cache->leaving, &slab->listed);
	cache->slabs--;
}

/* While a slab counts, the cache cannot be destroyed (object_cache_destroy): so kind and layout stay. */
static void reap(unsigned id, enum reap which)
{
	struct cache *cache = &caches[id];
	struct slab *slab;
	while ((slab = unlist_empty(cache, which)) != NULL) {
		destruct(slab, cache->kind);
		slab_free_pages(slab);
		cache_lock(cache);
		uncount_leaving(cache, slab);
		cache_unlock(cache);
		slab_free_descriptor(slab);
	}
}

void object_slabs_reap(unsigned id) { reap(id, REAP_ALL); }
void object_slabs_reap_surplus(unsigned id) { reap(id, REAP_SURPLUS); }

static void reap_caches(enum reap which)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		reap(id, which);
}

/*
 * A destructor that allocates while memory is short would come here again, once for each slab: is_reaping stops that. A
 * thread without a cache cannot note it, and leaves such slabs to other threads.
 */
void object_slabs_reap_all(void)
{
	struct thread_cache *self = thread_cache_get();
	if (self != NULL && !self->is_reaping) {
		self->is_reaping = true;
		reap_caches(REAP_DESTRUCTED);
		self->is_reaping = false;
	}
	lock_acquire(&purge_lock, RANK_PURGE);
	reap_caches(REAP_PLAIN);
	lock_release(&purge_lock, RANK_PURGE);
}

static void write_off_of_others(struct cache *cache)
{
	if (cache->kind != NULL && cache->kind->destroyer != thread_self())
		cache->kind->destroyer = 0;
	for (struct list_node *node = cache->leaving.first; node != NULL; node = node->next) {
		struct slab *slab = list_entry(node, struct slab, listed);
		if (slab->releaser != thread_self())
			uncount_leaving(cache, slab);
	}
}

/*
 * What other threads were giving back is lost: pages, descriptor, and which of the objects were destructed. A cache
 * that one of them was destroying is alive again.
 */
void object_slabs_fork_child(void)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		write_off_of_others(&caches[id]);
}

/* Adds those of one slab to `count` objects: how many there are then. */
static size_t list_slab(const struct slab *slab, const void **objects, size_t count, size_t most)
{
	for (unsigned i = 0; i < size_classes[slab->class].objects && count < most; i++)
		if (!bit_is_set(slab->free, i))
			objects[count++] = (char *)slab_object(slab, i) + caches[slab->class].kind->front_bytes;
	return count;
}

void object_slabs_list_taken(unsigned id, const void **objects, size_t most)
{
	size_t count = 0;
	cache_lock(&caches[id]);
	for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++)
		for (struct list_node *node = caches[id].list[bucket].first; node != NULL; node = node->next)
			count = list_slab(list_entry(node, struct slab, listed), objects, count, most);
	cache_unlock(&caches[id]);
}
