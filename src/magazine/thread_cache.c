/* thread_cache.c - makes, lists and destroys the caches of threads, and finds this thread's at each miss. */
#include "magazine/thread_cache.h"

#include "magazine/budget.h"
#include "magazine/miss.h"
#include "os/report.h"
#include "os/thread.h"
#include "os/thread_exit.h"
#include "slab/cache_alloc.h"
#include "slab/reclaim.h"

_Atomic bool thread_cache_disabled;
struct lock threads_lock;
struct list thread_caches, lost_thread_caches;

struct thread_cache *thread_cache_next(const struct list *list, const struct thread_cache *cache)
{
	const struct list_node *next = cache == NULL ? list->first : cache->node.next;
	return next == NULL ? NULL : list_entry(next, struct thread_cache, node);
}

/* This thread's cache; NULL: it has none, or none any more. */
static struct thread_cache *own_cache(void)
{
	struct thread_cache *cache = thread_cache_self;
	return cache == THREAD_CACHE_NONE || cache == THREAD_CACHE_ENDED ? NULL : cache;
}

static cold struct thread_cache *cache_create(void)
{
	struct thread_cache *cache = meta_alloc(sizeof(struct thread_cache));
	if (cache == NULL)
		return NULL;
	*cache = (struct thread_cache){.hand = 1, .objects = &object_table_none};
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		bin_lay_out(&cache->bin[c], c);
	lock_acquire(&threads_lock, RANK_THREADS);
	list_push_back(&thread_caches, &cache->node);
	lock_release(&threads_lock, RANK_THREADS);
	add_relaxed(&thread_counter, 1);
	thread_cache_self = cache;
	return cache;
}

/*
 * A thread whose end would not be noticed does without a cache for good: the cache would be lost with the thread.
 * Meanwhile it does without one too, since thread_exit_arm may allocate, and so come here again.
 */
static cold struct thread_cache *cache_begin(void)
{
	thread_cache_self = THREAD_CACHE_ENDED;
	if (!thread_exit_arm(thread_cache_end))
		return NULL;
	thread_cache_self = THREAD_CACHE_NONE;
	return cache_create();
}

struct thread_cache *thread_cache_get(void)
{
	struct thread_cache *cache = thread_cache_self;
	if (cache == THREAD_CACHE_ENDED)
		return NULL;
	if (cache != THREAD_CACHE_NONE)
		return cache;
	return load_relaxed(&thread_cache_disabled) ? NULL : cache_begin();
}

noinline void *thread_cache_refill(unsigned c)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return cache_alloc_single(c);
	thread_cache_enter_miss(cache);
	void *object = bin_refill(cache, c);
	thread_cache_leave_miss(cache);
	return object;
}

noinline void thread_cache_overflow(unsigned c, void *object, const char *function)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL) {
		reclaim_free(c, &object, 1, function);
		report_noted();
		return;
	}
	thread_cache_enter_miss(cache);
	bin_overflow(cache, c, object, function);
	thread_cache_leave_miss(cache);
}

void thread_cache_note_taken(unsigned c, bool zeroed)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL)
		return;
	struct bin_state *state = &cache->state[c];
	state->recent = true;
	state->draining = false;
	state->balance++;
	state->was_dirty = !zeroed;
}

bool thread_cache_was_dirty(unsigned c)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL || !cache->state[c].was_dirty)
		return false;
	cache->state[c].was_dirty = false;
	return true;
}

void thread_cache_flush(void)
{
	struct thread_cache *cache = own_cache();
	if (cache == NULL)
		return;
	thread_cache_enter_miss(cache);
	bins_close(cache, 0);
	thread_cache_leave_miss(cache);
}

void thread_cache_verify(void)
{
	struct thread_cache *cache = own_cache();
	if (cache == NULL || load_relaxed(&cache->busy) != 0)
		return;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		bin_verify(cache, c);
	/* Another thread may be taking objects of a cache away that it destroys. */
	if (lock_try_quiet(&cache->objects_lock)) {
		for (unsigned c = CLASS_COUNT; c < thread_cache_end_of(cache); c++)
			bin_verify(cache, c);
		lock_release_quiet(&cache->objects_lock);
	}
	report_noted();
}

static void object_table_destroy(struct object_table *table)
{
	if (table == &object_table_none)
		return;
	for (size_t i = 0; i < table->count; i++)
		if (table->bin[i] != &object_bin_none)
			meta_free(table->bin[i], sizeof(struct object_bin));
	meta_free(table, object_table_bytes(table->count));
}

/* The thread points at `next`, one of the static caches, from now on. */
static void cache_destroy(struct thread_cache *next)
{
	struct thread_cache *cache = own_cache();
	if (cache == NULL)
		return;
	thread_cache_flush();
	thread_cache_self = next;
	object_table_self = &object_table_none;
	lock_acquire(&threads_lock, RANK_THREADS);
	list_remove(&thread_caches, &cache->node);
	lock_release(&threads_lock, RANK_THREADS);
	subtract_relaxed(&thread_counter, 1);
	object_table_destroy(cache->objects);
	meta_free(cache, sizeof(struct thread_cache));
}

void thread_cache_end(void)
{
	cache_destroy(THREAD_CACHE_ENDED);
	thread_cache_self = THREAD_CACHE_ENDED;
}

void thread_cache_leave(void) { cache_destroy(THREAD_CACHE_NONE); }

void thread_cache_count_objects(size_t objects[CLASS_COUNT])
{
	lock_acquire(&threads_lock, RANK_THREADS);
	for_each_thread_cache(cache, &thread_caches)
		for (unsigned c = 1; c < CLASS_COUNT; c++)
			objects[c] += bin_objects(cache, c);
	lock_release(&threads_lock, RANK_THREADS);
}

void thread_cache_for_each_lock(void (*act)(struct lock *))
{
	for_each_thread_cache(cache, &thread_caches)
		act(&cache->objects_lock);
}

void thread_cache_fork_child(void)
{
	struct thread_cache *cache = own_cache();
	if (cache != NULL)
		list_remove(&thread_caches, &cache->node);
	while (!list_is_empty(&thread_caches)) {
		struct list_node *other = thread_caches.first;
		list_remove(&thread_caches, other);
		list_push_back(&lost_thread_caches, other);
	}
	if (cache != NULL)
		list_push_back(&thread_caches, &cache->node);
	store_relaxed(&thread_counter, cache != NULL);
	budget_charge_only(cache);
}

#ifdef LM_DEBUG
void thread_cache_check(const struct thread_cache *cache)
{
	size_t charged = 0;
	for (unsigned c = 1; c < thread_cache_end_of(cache); c++) {
		bin_check(cache, c);
		charged += bin_ref(cache, c).state->charge;
	}
	if (charged != cache->charged)
		report_internal("thread cache: the charges differ");
}
#endif
