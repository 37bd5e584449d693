/*
 * lock.c - the contended half of the lock: spin a little, then sleep; and the order check of debug builds.
 *
 * Each acquire here pairs with the releases in lock_release_unranked and lock_release_quiet (lock.h).
 */
#include "os/lock.h"

#include "os/futex.h"
#include "os/report.h"

#include <time.h>

/* NAP_NS: between two looks at a lock that is held quietly. SPINS: pauses, about as long as a lock is held. */
enum { SPINS = 100, NAP_NS = 50000 };

/* Spinning pays only while the holder runs on another CPU. */
static bool lock_spin(struct lock *lock)
{
	for (int i = 0; i < SPINS; i++) {
		if (!lock_is_held(lock) && lock_try(lock, LOCK_HELD))
			return true;
		cpu_relax();
	}
	return false;
}

/* A quiet holder wakes nobody. It must get the CPU, even if its priority is lower. */
static void nap(void)
{
	struct timespec time = {.tv_nsec = NAP_NS};
	syscall3(SYS_nanosleep, (long)&time, 0, 0);
}

/* Unless the lock is held quietly, puts into the word that a thread may sleep. The word before; 0: the lock is ours. */
static uint32_t lock_mark(struct lock *lock)
{
	uint32_t word = load_relaxed(&lock->word);
	while (word != LOCK_QUIET &&
	       !atomic_compare_exchange_weak_explicit(&lock->word, &word, LOCK_WAITED_FOR, memory_order_acquire,
						      memory_order_relaxed))
		continue;
	return word;
}

noinline void lock_acquire_slow(struct lock *lock)
{
	if (lock_spin(lock))
		return;
	for (uint32_t word; (word = lock_mark(lock)) != 0;) {
		if (word == LOCK_QUIET)
			nap();
		else
			futex_wait(&lock->word, LOCK_WAITED_FOR);
	}
}

noinline void lock_wake(struct lock *lock) { futex_wake(&lock->word, 1); }

#ifdef LM_DEBUG
static _Thread_local uint32_t ranks_held __attribute__((tls_model("initial-exec")));

void lock_rank_enter(enum lock_rank rank)
{
	if ((ranks_held >> rank) != 0)
		report_internal("lock order violated");
	ranks_held |= UINT32_C(1) << rank;
}

void lock_rank_leave(enum lock_rank rank)
{
	if ((ranks_held >> rank & 1) == 0)
		report_internal("lock released that was not held");
	ranks_held &= ~(UINT32_C(1) << rank);
}
#endif
