/*
 * lock.h - a four-byte lock that sleeps in futex(2), and the one order in which locks are taken.
 *
 * The word is 0 when free, 1 when held, 2 when held and somebody may sleep (Drepper, "Futexes are tricky", 2011,
 * mutex 2). An all-zero lock is a free one. A holder never enters code of the program, so waits are short: a waiter
 * spins a little before it sleeps.
 *
 * 3 is held quietly, by one that makes no system call: neither waits it, nor wakes. So nobody sleeps in futex on such a
 * lock; who wants it looks again from time to time. For what may run in a signal handler, or must not enter the kernel.
 *
 * Acquire in lock_acquire and lock_try_quiet pairs with the release in lock_release and lock_release_quiet.
 */
#ifndef LM_BASE_LOCK_H
#define LM_BASE_LOCK_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lock {
	_Atomic uint32_t word;
};

/*
 * Lock order: a thread that holds a lock takes only locks of higher rank. Debug builds check it at every acquire.
 * fork takes all of them, in this order.
 */
enum lock_rank {
	RANK_RESERVE, /* reserve_locks: the objects that reserves hold */
	RANK_PERCPU,  /* percpu_lock: where slots of per-CPU data lie, and the modules that have static ones */
	RANK_CACHES,  /* object_caches_lock: which object caches there are */
	RANK_THREADS, /* the list of thread caches */
	RANK_OBJECTS, /* thread_cache.objects_lock: the bins of a thread's object caches */
	RANK_PURGE,   /* purge_lock: one purger at a time */
	RANK_STORE,   /* the store of freed mappings */
	RANK_DEPOT,   /* cache.depot.lock: the magazines of one size class */
	RANK_CACHE,   /* cache.lock: the slabs of one size class */
	RANK_ZONE,    /* zone.lock: the buddy's free lists and the break */
	RANK_META,    /* meta_lock: the allocator's own memory */
	RANK_COUNT
};

void lock_acquire_slow(struct lock *lock);
void lock_wake(struct lock *lock);

#ifdef LM_DEBUG
void lock_rank_enter(enum lock_rank rank);
void lock_rank_leave(enum lock_rank rank);
#else
static inline void lock_rank_enter(enum lock_rank rank) { (void)rank; }
static inline void lock_rank_leave(enum lock_rank rank) { (void)rank; }
#endif

/* For fork, which holds many locks of one rank: takes the lock outside of the checked order. */
static inline void lock_acquire_unranked(struct lock *lock)
{
	uint32_t expected = 0;
	if (unlikely(!atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
							      memory_order_relaxed)))
		lock_acquire_slow(lock);
}

static inline void lock_release_unranked(struct lock *lock)
{
	if (unlikely(atomic_exchange_explicit(&lock->word, 0, memory_order_release) == 2))
		lock_wake(lock);
}

static inline void lock_acquire(struct lock *lock, enum lock_rank rank)
{
	lock_rank_enter(rank);
	lock_acquire_unranked(lock);
}

/* Takes the lock if it is free: true when it is ours now. */
static inline bool lock_try_acquire(struct lock *lock, enum lock_rank rank)
{
	uint32_t expected = 0;
	if (!atomic_compare_exchange_strong_explicit(&lock->word, &expected, 1, memory_order_acquire,
						     memory_order_relaxed))
		return false;
	lock_rank_enter(rank);
	return true;
}

/*
 * Takes the lock quietly if it is free: true when it is ours now. Of no rank, as nobody waits here: a signal handler
 * may have interrupted the holder of any lock.
 */
enum { LOCK_QUIET = 3 };
static inline bool lock_try_quiet(struct lock *lock)
{
	uint32_t expected = 0;
	return atomic_compare_exchange_strong_explicit(&lock->word, &expected, LOCK_QUIET, memory_order_acquire,
						       memory_order_relaxed);
}

static inline void lock_release_quiet(struct lock *lock)
{
	atomic_store_explicit(&lock->word, 0, memory_order_release);
}

static inline void lock_release(struct lock *lock, enum lock_rank rank)
{
	lock_rank_leave(rank);
	lock_release_unranked(lock);
}

/* For checks: true if somebody holds it. */
static inline bool lock_is_held(struct lock *lock)
{
	return atomic_load_explicit(&lock->word, memory_order_relaxed) != 0;
}

/* In the child of fork, where no other thread exists: the lock is free again whoever held it. */
static inline void lock_reset(struct lock *lock) { atomic_store_explicit(&lock->word, 0, memory_order_relaxed); }

#endif
