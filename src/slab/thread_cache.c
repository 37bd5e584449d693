/*
 * thread_cache.c - the life of a thread cache: made at the first miss, ended with the thread; and its statistics.
 */
#include "slab/thread_cache.h"

#include "base/report.h"
#include "page/purge.h"
#include "slab/bin.h"
#include "slab/cache.h"
#include "slab/object_bin.h"

/* The bottom of no magazine: popping it yields NULL, and as its own limit it is full too. */
static void *const nothing[1] = {NULL};

const struct bin thread_cache_no_bins[CLASS_COUNT + 1] = {
	[0 ... CLASS_COUNT] = {.top = (void **)nothing, .limit = (void **)nothing},
};

const struct object_bin object_bin_none = {
	.bin = {.top = (void **)nothing, .limit = (void **)nothing},
	.first = NO_SLAB,
	.key = UINT64_MAX,
};

_Thread_local struct thread_cache *thread_cache_self __attribute__((tls_model("initial-exec"))) =
	THREAD_CACHE_NONE;

_Atomic bool thread_cache_disabled;
struct lock threads_lock;
static struct list threads; /* guarded by threads_lock, as the next one */
static struct list lost;    /* the caches of other threads when this process was forked off */
static _Atomic size_t thread_count;

/* Two threads that come at once may tell the older count last: a hint. */
static void count_threads(size_t more)
{
	purge_note_threads(atomic_fetch_add_explicit(&thread_count, more, memory_order_relaxed) + more);
}

size_t thread_cache_count(void) { return atomic_load_explicit(&thread_count, memory_order_relaxed); }

static void bins_init(struct thread_cache *cache)
{
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		cache->bin[c] = thread_cache_no_bins[c];
		cache->bin[c].magic = size_classes[c].magic;
		cache->bin[c].begin_limit = size_classes[c].begin_limit;
		cache->bin[c].offset_mask = ((uint32_t)PAGE_BYTES << size_classes[c].order) - 1;
		cache->side[c] = (struct side){.previous = NULL};
	}
}

static noinline struct thread_cache *cache_create(void)
{
	struct thread_cache *cache = meta_alloc(sizeof(struct thread_cache));
	if (cache == NULL)
		return NULL;
	bins_init(cache);
	cache->charged = 0;
	cache->hand = 1;
	cache->objects = &object_table_none;
	lock_reset(&cache->objects_lock);
	cache->is_reaping = false;
	atomic_init(&cache->busy, 0);
	lock_acquire(&threads_lock, RANK_THREADS);
	list_push_back(&threads, &cache->node);
	lock_release(&threads_lock, RANK_THREADS);
	count_threads(1);
	thread_cache_self = cache;
	return cache;
}

/*
 * A thread whose end nobody would tell does without a cache for good: it would be lost with the thread. Meanwhile it
 * does without one too, since thread_exit_arm may allocate, and so come here again.
 */
static struct thread_cache *cache_begin(void)
{
	thread_cache_self = THREAD_CACHE_ENDED;
	if (!thread_exit_arm())
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
	return atomic_load_explicit(&thread_cache_disabled, memory_order_relaxed) ? NULL : cache_begin();
}

bool thread_cache_was_dirty(unsigned c)
{
	struct thread_cache *cache = thread_cache_get();
	if (cache == NULL || !cache->side[c].was_dirty)
		return false;
	cache->side[c].was_dirty = false;
	return true;
}

void thread_cache_flush(void)
{
	struct thread_cache *cache = thread_cache_self;
	if (cache == THREAD_CACHE_NONE || cache == THREAD_CACHE_ENDED)
		return;
	thread_cache_enter_miss(cache);
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		bin_close(cache, c);
	bins_close_objects(cache);
	thread_cache_leave_miss(cache);
}

void thread_cache_verify(void)
{
	struct thread_cache *cache = thread_cache_self;
	if (cache == THREAD_CACHE_NONE || cache == THREAD_CACHE_ENDED ||
	    atomic_load_explicit(&cache->busy, memory_order_relaxed) != 0)
		return;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		bin_verify(cache, c);
	/* Another thread may be taking objects of a cache away that it destroys. */
	if (!lock_try_quiet(&cache->objects_lock))
		return;
	for (unsigned c = CLASS_COUNT; c < thread_cache_end_of(cache); c++)
		bin_verify(cache, c);
	lock_release_quiet(&cache->objects_lock);
}

/* The thread points at `next`, one of the static caches, from now on. */
static void cache_destroy(struct thread_cache *next)
{
	struct thread_cache *cache = thread_cache_self;
	if (cache == THREAD_CACHE_NONE || cache == THREAD_CACHE_ENDED)
		return;
	thread_cache_flush();
	thread_cache_self = next;
	object_table_self = &object_table_none;
	lock_acquire(&threads_lock, RANK_THREADS);
	list_remove(&threads, &cache->node);
	lock_release(&threads_lock, RANK_THREADS);
	count_threads((size_t)-1);
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
	for (struct list_node *node = threads.first; node != NULL; node = node->next) {
		struct thread_cache *cache = list_entry(node, struct thread_cache, node);
		for (unsigned c = 1; c < CLASS_COUNT; c++)
			objects[c] += bin_objects(cache, c);
	}
	lock_release(&threads_lock, RANK_THREADS);
}

size_t thread_cache_for_each(size_t (*visit)(struct thread_cache *cache, unsigned id), unsigned id)
{
	size_t sum = 0;
	lock_acquire(&threads_lock, RANK_THREADS);
	for (struct list_node *node = threads.first; node != NULL; node = node->next)
		sum += visit(list_entry(node, struct thread_cache, node), id);
	lock_release(&threads_lock, RANK_THREADS);
	return sum;
}

void thread_cache_for_each_lost(void (*visit)(struct thread_cache *cache, unsigned id), unsigned id)
{
	lock_acquire(&threads_lock, RANK_THREADS);
	for (struct list_node *node = lost.first; node != NULL; node = node->next)
		visit(list_entry(node, struct thread_cache, node), id);
	lock_release(&threads_lock, RANK_THREADS);
}

bool thread_cache_any(bool (*test)(const struct thread_cache *cache, unsigned id, const void *object), unsigned id,
		      const void *object)
{
	const struct list *const lists[] = {&threads, &lost};
	for (size_t i = 0; i < 2; i++)
		for (struct list_node *node = lists[i]->first; node != NULL; node = node->next)
			if (test(list_entry(node, struct thread_cache, node), id, object))
				return true;
	return false;
}

void thread_cache_for_each_lock(void (*act)(struct lock *))
{
	for (struct list_node *node = threads.first; node != NULL; node = node->next)
		act(&list_entry(node, struct thread_cache, node)->objects_lock);
}

void thread_cache_fork_child(void)
{
	struct thread_cache *cache = thread_cache_self;
	bool own = cache != THREAD_CACHE_NONE && cache != THREAD_CACHE_ENDED;
	if (own)
		list_remove(&threads, &cache->node);
	while (!list_is_empty(&threads)) {
		struct list_node *other = threads.first;
		list_remove(&threads, other);
		list_push_back(&lost, other);
	}
	if (own)
		list_push_back(&threads, &cache->node);
	atomic_store_explicit(&thread_count, own, memory_order_relaxed);
	purge_note_threads(own);
	bin_charge_only(own ? cache : NULL);
}

void thread_cache_check(const struct thread_cache *cache)
{
	size_t charged = 0;
	for (unsigned c = 1; c < thread_cache_end_of(cache); c++) {
		bin_check(cache, c);
		charged += side_at(cache, c)->charge;
	}
	if (charged != cache->charged)
		report_internal("thread cache: the charges differ");
}
