/*
 * fork.c - see fork.h.
 *
 * The parent takes every lock in rank order before the fork. So in the child's copy nothing is half done; the child
 * resets all locks. The objects in other threads' caches are lost to the child, except those of a cache that it
 * destroys (object_bin.h): so the objects_locks are taken too. While object_caches_lock and threads_lock are held,
 * neither the ids nor the threads change.
 *
 * Constructors and destructors of object caches run with no lock held, and may fork. What the forking thread has begun
 * there stays, since it goes on in the child. What other threads have begun is written off: slabs that they were giving
 * back, and their holds on the break.
 *
 * libc's fork locks its list of streams after these handlers ran. A thread that holds this lock (fflush(NULL), fclose)
 * may be waiting for one of ours. So the list is locked first (glibc exports the lock; it is recursive). A process of
 * one thread takes no lock: a signal handler that interrupted malloc may then call fork.
 */
#include "libc/fork.h"

#include "ext/percpu_chunk.h"
#include "ext/reserve.h"
#include "large/large_cache.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "object/object_cache.h"
#include "object/object_slabs.h"
#include "page/meta.h"
#include "page/trim.h"
#include "page/zone.h"
#include "slab/cache.h"
#include "slab/reclaim.h"

#include <pthread.h>

extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));

/* True from prepare() until parent() or child(), if prepare() took the locks. They guard it. */
static bool locks_taken;

_Static_assert(offsetof(struct zone, lock) == 0, "lock_zone gets the zone from its lock");

static bool is_single_threaded(void) { return &__libc_single_threaded != NULL && __libc_single_threaded; }

static cold void lock_zone(struct lock *lock) { zone_lock_settled((struct zone *)lock); }

/* Locks that must be held while the next function walks ids and threads, and all locks of lower rank. */
static void for_each_outer_lock(void (*act)(struct lock *))
{
	for (unsigned i = 0; i < RESERVE_LOCKS; i++)
		act(&reserve_locks[i]);
	act(&percpu_lock);
	act(&object_caches_lock);
	act(&threads_lock);
}

static void for_each_inner_lock(void (*act)(struct lock *), void (*act_on_zone)(struct lock *))
{
	unsigned end = size_class_end();
	thread_cache_for_each_lock(act);
	act(&purge_lock);
	act(&large_cache_lock);
	for (unsigned id = 0; id < end; id++)
		act(&depots[id].lock);
	for (unsigned id = 0; id < end; id++)
		act(&caches[id].lock);
	for (int zone = 0; zone < ZONE_COUNT; zone++)
		act_on_zone(&zones[zone].lock);
	act(&meta_lock);
}

static cold void prepare(void)
{
	if (is_single_threaded())
		return;
	if (_IO_list_lock != NULL)
		_IO_list_lock();
	for_each_outer_lock(lock_acquire_unranked);
	for_each_inner_lock(lock_acquire_unranked, lock_zone);
	locks_taken = true;
}

static cold void parent(void)
{
	if (!locks_taken)
		return;
	locks_taken = false;
	for_each_inner_lock(lock_release_unranked, lock_release_unranked);
	for_each_outer_lock(lock_release_unranked);
	if (_IO_list_unlock != NULL)
		_IO_list_unlock();
}

static cold void child(void)
{
	if (!locks_taken)
		return;
	locks_taken = false;
	for_each_inner_lock(lock_reset, lock_reset);
	for_each_outer_lock(lock_reset);
	if (_IO_list_resetlock != NULL)
		_IO_list_resetlock();
	object_slabs_fork_child();
	thread_cache_fork_child();
	trim_fork_child();
}

/*
 * pthread_atfork asks to whom the handlers belong. NULL: to a program, so they are never taken back. The compiler's
 * start files would define it, but they are not linked (see the Makefile). Weak, for static programs.
 */
extern void *__dso_handle LM_HIDDEN;
__attribute__((weak)) void *__dso_handle = NULL;

void fork_register(void) { pthread_atfork(prepare, parent, child); }
