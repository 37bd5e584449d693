/*
 * thread_cache.h - the life of a thread's cache: made at the first miss, ended with the thread; and all of them listed.
 *
 * threads_lock (RANK_THREADS) guards the list of all caches.
 *
 * Invariant (thread_cache_check): charged = the sum over the bins of what their limits allow, in bytes.
 */
#ifndef LM_MAGAZINE_THREAD_CACHE_H
#define LM_MAGAZINE_THREAD_CACHE_H

#include "magazine/bins.h"
#include "os/report.h"

/* This thread's cache, made if it has none yet; NULL when it must do without, or there is no memory for one. */
struct thread_cache *thread_cache_get(void);

/* The miss of malloc: an object of a class, or NULL when out of memory. */
void *thread_cache_refill(unsigned size_class);

/* Notes that calloc took an object of a class past the magazines, and whether its memory was all zeros. */
void thread_cache_note_taken(unsigned size_class, bool zeroed);

/*
 * True if the last object that calloc took past the magazines had to be cleared. Then the next one will hardly be clean
 * either, and a magazine gives one at less cost. The call also resets this.
 */
bool thread_cache_was_dirty(unsigned size_class);

/* The miss of free: takes a (valid, not yet free) object of a class. */
void thread_cache_overflow(unsigned size_class, void *object, const char *function);

/*
 * Around every change of the bins but the fast path's. A fault that was found meanwhile is reported at the end.
 * Relaxed: only signal handlers of the thread itself look.
 */
static inline void thread_cache_enter_miss(struct thread_cache *cache) { add_relaxed(&cache->busy, 1); }
static inline void thread_cache_leave_miss(struct thread_cache *cache)
{
	subtract_relaxed(&cache->busy, 1);
	report_noted();
}

/* Looks for double frees among this thread's objects, if it is not in the middle of a miss. Takes no lock. */
cold void thread_cache_verify(void);

/* This thread's objects go back to the slabs; the cache stays. */
cold void thread_cache_flush(void);

/* The same, and the cache goes. thread_cache_end: for good. thread_cache_leave: until the next miss. */
cold void thread_cache_end(void);
cold void thread_cache_leave(void);

/* The objects of malloc's classes that stand in the magazines of all threads. */
cold void thread_cache_count_objects(size_t objects[CLASS_COUNT]);

/* Guarded by threads_lock: the caches of all threads, and those of threads that stayed in the parent at a fork. */
extern struct list thread_caches, lost_thread_caches;

/* Walks such a list. threads_lock is held. */
cold struct thread_cache *thread_cache_next(const struct list *list, const struct thread_cache *cache);
#define for_each_thread_cache(cache, list) \
	for (struct thread_cache *cache = NULL; (cache = thread_cache_next((list), cache)) != NULL;)

/* With threads_lock held: acts on each thread's objects_lock. */
cold void thread_cache_for_each_lock(void (*act)(struct lock *));

/* In the child of fork: this thread's cache is the only one; what the others held is lost. */
cold void thread_cache_fork_child(void);

/* True if no thread may get a cache, so that every call reaches the slow path. A setting, relaxed. */
extern _Atomic bool thread_cache_disabled;

extern struct lock threads_lock;

cold void thread_cache_check(const struct thread_cache *cache);

#endif
