/*
 * lock.h - a four-byte lock that sleeps in futex(2), and the one order in which locks are taken.
 *
 * The word is one of enum lock_word (Drepper, "Futexes are tricky", 2011, mutex 2). An all-zero lock is free. A holder
 * never enters code of the program, so waits are short: a waiter spins a little before it sleeps.
 *
 * A quiet holder makes no system call: it neither waits nor wakes. So nobody sleeps in futex on a lock that is held
 * quietly; a waiter looks again from time to time. For code that may run in a signal handler, or that must not enter
 * the kernel.
 *
 * Acquire in lock_try pairs with the release in lock_release_unranked and lock_release_quiet.
 */
#ifndef LM_OS_LOCK_H
#define LM_OS_LOCK_H

#include "base/compiler.h"

enum lock_word { LOCK_FREE, LOCK_HELD, LOCK_WAITED_FOR, LOCK_QUIET };

/* No owner: its word changes by atomic instructions only. */
struct lock {
	_Atomic uint32_t word;
};

/*
 * Lock order: a thread that holds a lock takes only locks of higher rank. Debug builds check it at every acquire.
 * fork takes all of them, in this order. This table is the one place for the ranks of all layers.
 */
enum lock_rank {
	RANK_RESERVE, /* reserve_locks: the objects that reserves hold */
	RANK_PERCPU,  /* percpu_lock: where slots of per-CPU data lie, and the modules that have static ones */
	RANK_CACHES,  /* object_caches_lock: which object caches there are */
	RANK_THREADS, /* the list of thread caches */
	RANK_OBJECTS, /* thread_cache.objects_lock: the bins of a thread's object caches */
	RANK_PURGE,   /* purge_lock: one purger at a time */
	RANK_LARGE_CACHE,   /* the store of freed mappings */
	RANK_DEPOT,   /* depot.lock: the magazines of one size class */
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

/* Puts `word` into the lock if it is free: true if it is ours now. */
static inline bool lock_try(struct lock *lock, enum lock_word word)
{
	uint32_t expected = LOCK_FREE;
	return replace_atomic(&lock->word, &expected, word, memory_order_acquire);
}

/*
 * Takes the lock outside of the checked order. For code that holds many locks of one rank: fork; object_bins_lock,
 * which takes the objects_locks of all threads; and the checks over all caches and all depots.
 */
static inline void lock_acquire_unranked(struct lock *lock)
{
	if (unlikely(!lock_try(lock, LOCK_HELD)))
		lock_acquire_slow(lock);
}

static inline void lock_release_unranked(struct lock *lock)
{
	if (unlikely(atomic_exchange_explicit(&lock->word, LOCK_FREE, memory_order_release) == LOCK_WAITED_FOR))
		lock_wake(lock);
}

static inline void lock_acquire(struct lock *lock, enum lock_rank rank)
{
	lock_rank_enter(rank);
	lock_acquire_unranked(lock);
}

/* Takes the lock if it is free: true if it is ours now. */
static inline bool lock_try_acquire(struct lock *lock, enum lock_rank rank)
{
	if (!lock_try(lock, LOCK_HELD))
		return false;
	lock_rank_enter(rank);
	return true;
}

/*
 * Takes the lock quietly if it is free: true if it is ours now. It has no rank: it never waits, so it cannot deadlock,
 * also in a signal handler that has interrupted the holder of any lock.
 */
static inline bool lock_try_quiet(struct lock *lock) { return lock_try(lock, LOCK_QUIET); }

static inline void lock_release_quiet(struct lock *lock)
{
	atomic_store_explicit(&lock->word, LOCK_FREE, memory_order_release);
}

static inline void lock_release(struct lock *lock, enum lock_rank rank)
{
	lock_rank_leave(rank);
	lock_release_unranked(lock);
}

/* True if a thread held the lock just now. */
static inline bool lock_is_held(struct lock *lock) { return load_relaxed(&lock->word) != LOCK_FREE; }

/* In the child of fork, which has no other thread: the lock is free again, whichever thread held it. */
static inline void lock_reset(struct lock *lock) { store_relaxed(&lock->word, LOCK_FREE); }

#endif
