/*
 * fork.c - see fork.h.
 *
 * The parent takes every lock in rank order before the fork, so that the child gets a copy in which nothing is half
 * done; it resets them all. What the other threads' caches held is lost to the child, but for objects of a cache that
 * it destroys (object_bin.h): therefore the objects_locks are taken too. Which ids and which threads there are does not
 * change while object_caches_lock and threads_lock are held.
 *
 * Constructors and destructors of object caches run with no lock held, and may fork. Of what threads have under way
 * there, what the forking thread has stays, since it goes on with it in the child; what others have is written off: the
 * slabs that they were giving back, and their holds on the break.
 *
 * libc's fork takes its list of streams' lock after these handlers ran, and a thread that holds it (fflush(NULL),
 * fclose) may be waiting for one of ours: so that lock is taken first (glibc exports it; it is recursive). A process of
 * one thread takes nothing at all: fork may then be called by a signal handler that interrupted this very malloc.
 */
#include "control/fork.h"

#include "large/store.h"
#include "page/meta.h"
#include "page/trim.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/object_cache.h"
#include "slab/reclaim.h"
#include "slab/thread_cache.h"

#include <pthread.h>

extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));

/* Whether `prepare` of the fork that is under way took the locks. Written by the forking thread, which holds them. */
static bool locks_taken;

struct lock reserve_locks[RESERVE_LOCKS];

_Static_assert(offsetof(struct zone, lock) == 0, "lock_zone gets the zone from its lock");

static bool is_single_threaded(void) { return &__libc_single_threaded != NULL && __libc_single_threaded; }

static void lock_zone(struct lock *lock) { zone_lock_settled((struct zone *)lock); }

/* In rank order; the zones' locks by an action of their own. */
static void for_each_lock(void (*act)(struct lock *), void (*act_on_zone)(struct lock *))
{
	for (unsigned i = 0; i < RESERVE_LOCKS; i++)
		act(&reserve_locks[i]);
	act(&percpu_lock);
	act(&object_caches_lock);
	unsigned end = size_class_end();
	act(&threads_lock);
	thread_cache_for_each_lock(act);
	act(&purge_lock);
	act(&store_lock);
	for (unsigned c = 0; c < end; c++)
		act(&caches[c].depot.lock);
	for (unsigned c = 0; c < end; c++)
		act(&caches[c].lock);
	for (int id = 0; id < ZONE_COUNT; id++)
		act_on_zone(&zones[id].lock);
	act(meta_lock_address());
}

/* The locks that guard what is walked on the way come free last: others wait for them. */
static void release_all(void)
{
	unsigned end = size_class_end();
	lock_release_unranked(meta_lock_address());
	for (int id = ZONE_COUNT; id-- > 0;)
		lock_release_unranked(&zones[id].lock);
	for (unsigned c = end; c-- > 0;)
		lock_release_unranked(&caches[c].lock);
	for (unsigned c = end; c-- > 0;)
		lock_release_unranked(&caches[c].depot.lock);
	lock_release_unranked(&store_lock);
	lock_release_unranked(&purge_lock);
	thread_cache_for_each_lock(lock_release_unranked);
	lock_release_unranked(&threads_lock);
	lock_release_unranked(&object_caches_lock);
	lock_release_unranked(&percpu_lock);
	for (unsigned i = RESERVE_LOCKS; i-- > 0;)
		lock_release_unranked(&reserve_locks[i]);
}

static void prepare(void)
{
	if (is_single_threaded())
		return;
	if (_IO_list_lock != NULL)
		_IO_list_lock();
	for_each_lock(lock_acquire_unranked, lock_zone);
	locks_taken = true;
}

static void parent(void)
{
	if (!locks_taken)
		return;
	locks_taken = false;
	release_all();
	if (_IO_list_unlock != NULL)
		_IO_list_unlock();
}

static void child(void)
{
	if (!locks_taken)
		return;
	locks_taken = false;
	for_each_lock(lock_reset, lock_reset);
	if (_IO_list_resetlock != NULL)
		_IO_list_resetlock();
	object_slabs_fork_child();
	thread_cache_fork_child();
	trim_fork_child();
}

void fork_register(void) { pthread_atfork(prepare, parent, child); }
