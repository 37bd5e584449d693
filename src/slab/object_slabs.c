/*
 * object_slabs.c - slabs of object caches: made and constructed, destructed and given back (see object_cache.h).
 *
 * The program's functions are called for a slab that is in no list in which objects are looked for: nobody else can
 * reach it. They may fork. A slab that is being made does not count yet. One that is on its way out counts until it is
 * gone: it stands in cache.leaving with its thread, so that the child of a fork writes off what other threads had on
 * its way, and the forking thread goes on with its own.
 */
#include "base/report.h"
#include "base/thread.h"
#include "slab/cache_lists.h"
#include "slab/object_cache.h"

enum { KEPT_MIN = 8, KEPT_SHIFT = 2 }; /* empty slabs that are kept: so many, or a quarter of all */

static unsigned next_colour(struct object_kind *kind)
{
	uint32_t turn = atomic_fetch_add_explicit(&kind->colour_turn, 1, memory_order_relaxed);
	return turn % kind->colours * kind->colour_bytes;
}

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
	struct slab *slab = slab_create_coloured(id, next_colour(cache->kind));
	if (slab == NULL)
		return NULL;
	construct(slab, cache->kind);
	void *slot;
	cache_lock(cache);
	slab_link(cache, slab);
	uint64_t before = slab_page_state(slab);
	slab_take(slab, &slot, 1);
	slab_relist(cache, slab, before);
	count_out(cache, 1);
	cache_unlock(cache);
	return slot;
}

static uint32_t kept(const struct cache *cache)
{
	uint32_t share = cache->slabs >> KEPT_SHIFT;
	return share > KEPT_MIN ? share : KEPT_MIN;
}

/* The fewer slabs there are, the fewer are kept: so there may be more to go than the one that came. */
void object_slabs_unlink_surplus(struct cache *cache, struct list *emptied)
{
	while (cache->kind->dtor == NULL && cache->kind->empty_slabs > kept(cache)) {
		struct slab *slab = list_entry(cache->list[BUCKET_EMPTY].last, struct slab, listed);
		slab_unlink(cache, slab);
		list_push_front(emptied, &slab->listed);
	}
}

/* Whose slabs to give back: only of caches without a destructor, or with one, or whichever it is. */
enum of { WITHOUT_DESTRUCTOR, WITH_DESTRUCTOR, OF_ANY };

static bool is_of(const struct object_kind *kind, enum of of)
{
	return kind != NULL && (of == OF_ANY || (kind->dtor != NULL) == (of == WITH_DESTRUCTOR));
}

enum how_many { ALL, SURPLUS };

/* Takes an empty slab off the lists, if there is one to give back. The cache may have become another one's. */
static struct slab *unlist_empty(struct cache *cache, enum how_many how_many, enum of of)
{
	struct slab *slab = NULL;
	cache_lock(cache);
	if (is_of(cache->kind, of) && cache->kind->empty_slabs > (how_many == ALL ? 0 : kept(cache))) {
		slab = list_entry(cache->list[BUCKET_EMPTY].last, struct slab, listed);
		slab_unlist(cache, slab);
		slab->leaver = thread_self();
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

static void reap(unsigned id, enum how_many how_many, enum of of)
{
	struct cache *cache = &caches[id];
	struct slab *slab;
	while ((slab = unlist_empty(cache, how_many, of)) != NULL) {
		destruct(slab, cache->kind);
		slab_free_pages(slab);
		/* Until now the slab counts, so that the kind and the layout stay: see object_cache_destroy. */
		cache_lock(cache);
		uncount_leaving(cache, slab);
		cache_unlock(cache);
		slab_free_descriptor(slab);
	}
}

void object_slabs_reap(unsigned id) { reap(id, ALL, OF_ANY); }
void object_slabs_reap_surplus(unsigned id) { reap(id, SURPLUS, OF_ANY); }

static void reap_all(enum of of)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		reap(id, ALL, of);
}

void object_slabs_reap_plain(void) { reap_all(WITHOUT_DESTRUCTOR); }

/*
 * A destructor that allocates while memory is short would come here again, once for each slab: a thread is here once.
 * One that has no cache, and could not note that, leaves them to others.
 */
void object_slabs_reap_destructed(void)
{
	struct thread_cache *self = thread_cache_get();
	if (self == NULL || self->is_reaping)
		return;
	self->is_reaping = true;
	reap_all(WITH_DESTRUCTOR);
	self->is_reaping = false;
}

static void write_off_of_others(struct cache *cache)
{
	if (cache->kind != NULL && cache->kind->ender != thread_self())
		cache->kind->ender = 0;
	for (struct list_node *node = cache->leaving.first; node != NULL; node = node->next) {
		struct slab *slab = list_entry(node, struct slab, listed);
		if (slab->leaver != thread_self())
			uncount_leaving(cache, slab);
	}
}

/*
 * What other threads were giving back is lost: pages, descriptor, and which of the objects were destructed. A cache
 * that one of them was destroying is not being destroyed any more.
 */
void object_slabs_fork_child(void)
{
	for (unsigned id = CLASS_COUNT; id < size_class_end(); id++)
		write_off_of_others(&caches[id]);
}

/* In one list of slabs; returns how many more may be visited. */
static size_t visit_list(const struct list *list, size_t most, void (*visit)(void *slot, void *argument),
			 void *argument)
{
	for (struct list_node *node = list->first; node != NULL && most > 0; node = node->next) {
		const struct slab *slab = list_entry(node, struct slab, listed);
		for (unsigned i = 0; i < size_classes[slab->class].objects && most > 0; i++) {
			if (slab->free[i / 64] >> i % 64 & 1)
				continue;
			visit(slab_object(slab, i), argument);
			most--;
		}
	}
	return most;
}

void object_slabs_visit_taken(unsigned id, size_t most, void (*visit)(void *slot, void *argument), void *argument)
{
	struct cache *cache = &caches[id];
	cache_lock(cache);
	for (unsigned bucket = 0; bucket < BUCKET_COUNT; bucket++)
		most = visit_list(&cache->list[bucket], most, visit, argument);
	cache_unlock(cache);
}
