/*
 * lock.c - os/lock.h: exclusion, sleep and wake-up, the order check.
 */
#include "unit.h"

#include "os/lock.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static struct lock lock;

static uint32_t word(void) { return atomic_load_explicit(&lock.word, memory_order_relaxed); }

/* Waits until somebody says in the lock's word that he may sleep. The release that follows must wake him. */
static void wait_for_sleepers(void)
{
	while (word() != 2)
		usleep(1000);
	usleep(20000);
}

static void word_says_free_and_held(void **state)
{
	(void)state;
	assert_int_equal(word(), 0);
	lock_acquire(&lock, RANK_META);
	assert_int_equal(word(), 1);
	lock_release(&lock, RANK_META);
	assert_int_equal(word(), 0);
	lock_acquire_unranked(&lock);
	assert_int_equal(word(), 1);
	lock_reset(&lock);
	assert_int_equal(word(), 0);
}

static void try_takes_only_a_free_lock(void **state)
{
	(void)state;
	assert_true(lock_try_acquire(&lock, RANK_PURGE));
	assert_int_equal(word(), 1);
	assert_false(lock_try_acquire(&lock, RANK_META));
	assert_int_equal(word(), 1);
	lock_release(&lock, RANK_PURGE);
	assert_true(lock_try_acquire(&lock, RANK_META));
	lock_release(&lock, RANK_META);
}

static size_t counter; /* guarded by lock */
static _Atomic unsigned inside;

static void count(unsigned index)
{
	(void)index;
	for (size_t i = 0; i < unit_rounds(40000); i++) {
		lock_acquire(&lock, RANK_ZONE);
		check(atomic_fetch_add_explicit(&inside, 1, memory_order_relaxed) == 0);
		counter++;
		atomic_fetch_sub_explicit(&inside, 1, memory_order_relaxed);
		lock_release(&lock, RANK_ZONE);
	}
}

static void threads_exclude_each_other(void **state)
{
	(void)state;
	unit_threads(4, count);
	assert_int_equal(counter, 4 * unit_rounds(40000));
	assert_int_equal(word(), 0);
}

static void take_once(unsigned index)
{
	(void)index;
	lock_acquire(&lock, RANK_ZONE);
	counter++;
	lock_release(&lock, RANK_ZONE);
}

static void *start_takers(void *unused)
{
	unit_threads(5, take_once);
	return unused;
}

/* All five sleep; each one's release must wake the next. */
static void threads_that_sleep_are_woken(void **state)
{
	(void)state;
	pthread_t starter;
	lock_acquire(&lock, RANK_ZONE);
	assert_int_equal(pthread_create(&starter, NULL, start_takers, NULL), 0);
	wait_for_sleepers();
	assert_int_equal(counter, 0);
	lock_release(&lock, RANK_ZONE);
	assert_int_equal(pthread_join(starter, NULL), 0);
	assert_int_equal(counter, 5);
	assert_int_equal(word(), 0);
}

static void *hold_while_others_come(void *unused)
{
	lock_acquire(&lock, RANK_ZONE);
	usleep(100000);
	lock_release(&lock, RANK_ZONE);
	return unused;
}

/* A thread that was woken must leave the lock's word as "others wait". With three threads a lost wake-up shows. */
static void threads_that_come_and_go_lose_no_wake_up(void **state)
{
	(void)state;
	pthread_t holder;
	for (int round = 0; round < 3; round++) {
		assert_int_equal(pthread_create(&holder, NULL, hold_while_others_come, NULL), 0);
		usleep(10000);
		unit_threads(3, take_once);
		assert_int_equal(pthread_join(holder, NULL), 0);
	}
	assert_int_equal(counter, 9);
}

/* A lock that is tried in a loop is got, and held by one at a time. */
static void try_and_count(unsigned index)
{
	(void)index;
	for (size_t got = 0; got < unit_rounds(5000);) {
		if (!lock_try_acquire(&lock, RANK_PURGE))
			continue;
		counter++;
		got++;
		lock_release(&lock, RANK_PURGE);
	}
}

static void threads_that_try_exclude_each_other(void **state)
{
	(void)state;
	unit_threads(2, try_and_count);
	assert_int_equal(counter, 2 * unit_rounds(5000));
}

static struct lock second;

static void take_lower_after_higher(void *unused)
{
	(void)unused;
	lock_acquire(&lock, RANK_ZONE);
	lock_acquire(&second, RANK_CACHE);
}

static void take_the_same_rank_twice(void *unused)
{
	(void)unused;
	lock_acquire(&lock, RANK_CACHE);
	lock_acquire(&second, RANK_CACHE);
}

static void try_lower_after_higher(void *unused)
{
	(void)unused;
	lock_acquire(&lock, RANK_META);
	lock_try_acquire(&second, RANK_PURGE);
}

static void release_what_is_not_held(void *unused)
{
	(void)unused;
	lock_release(&lock, RANK_LARGE_CACHE);
}

static void order_is_checked(void **state)
{
	(void)state;
	const char *violated = "libmalloc: internal error: lock order violated";
	unit_expect_abort(take_lower_after_higher, NULL, violated);
	unit_expect_abort(take_the_same_rank_twice, NULL, violated);
	unit_expect_abort(try_lower_after_higher, NULL, violated);
	unit_expect_abort(release_what_is_not_held, NULL,
			  "libmalloc: internal error: lock released that was not held");
}

static void order_lets_all_ranks_be_held(void **state)
{
	(void)state;
	static struct lock locks[RANK_COUNT];
	for (int round = 0; round < 2; round++) {
		for (unsigned rank = 0; rank < RANK_COUNT; rank++)
			lock_acquire(&locks[rank], rank);
		for (unsigned rank = 0; rank < RANK_COUNT; rank++)
			lock_release(&locks[rank], rank);
	}
	assert_true(RANK_PURGE < RANK_DEPOT && RANK_DEPOT < RANK_CACHE && RANK_CACHE < RANK_ZONE && RANK_ZONE < RANK_META);
}

/* Nobody sleeps in futex(2) for a quiet holder, since its release makes no system call. */
static void quiet_takes_only_a_free_lock(void **state)
{
	(void)state;
	assert_true(lock_try_quiet(&lock));
	assert_int_equal(word(), LOCK_QUIET);
	assert_false(lock_try_quiet(&lock));
	assert_false(lock_try_acquire(&lock, RANK_META));
	assert_int_equal(word(), LOCK_QUIET);
	lock_release_quiet(&lock);
	assert_int_equal(word(), 0);
	lock_acquire(&lock, RANK_META);
	assert_false(lock_try_quiet(&lock));
	assert_int_equal(word(), 1);
	lock_release(&lock, RANK_META);
}

static _Atomic bool was_taken;

static void hold_quietly_or_wait(unsigned index)
{
	if (index == 0) {
		check(lock_try_quiet(&lock));
		atomic_store_explicit(&inside, 1, memory_order_release);
		usleep(50000);
		/* The others wait, and none has written to the word. */
		check(word() == LOCK_QUIET && !was_taken);
		lock_release_quiet(&lock);
	} else {
		while (atomic_load_explicit(&inside, memory_order_acquire) == 0)
			usleep(1000);
		lock_acquire(&lock, RANK_META);
		was_taken = true;
		lock_release(&lock, RANK_META);
	}
}

static void threads_wait_for_a_quiet_holder(void **state)
{
	(void)state;
	unit_threads(4, hold_quietly_or_wait);
	assert_true(was_taken);
	assert_int_equal(word(), 0);
}

static void count_quietly_or_not(unsigned index)
{
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		if (index % 2 == 0) {
			lock_acquire(&lock, RANK_ZONE);
			counter++;
			lock_release(&lock, RANK_ZONE);
			continue;
		}
		while (!lock_try_quiet(&lock))
			continue;
		counter++;
		lock_release_quiet(&lock);
	}
}

static void threads_exclude_quiet_ones(void **state)
{
	(void)state;
	counter = 0;
	unit_threads(4, count_quietly_or_not);
	assert_int_equal(counter, 4 * unit_rounds(20000));
	assert_int_equal(word(), 0);
}

UNIT_MAIN(UNIT(quiet_takes_only_a_free_lock), UNIT(threads_wait_for_a_quiet_holder),
	  UNIT(threads_exclude_quiet_ones), UNIT(word_says_free_and_held), UNIT(try_takes_only_a_free_lock), UNIT(threads_exclude_each_other),
	  UNIT(threads_that_sleep_are_woken), UNIT(threads_that_come_and_go_lose_no_wake_up),
	  UNIT(threads_that_try_exclude_each_other), UNIT(order_is_checked), UNIT(order_lets_all_ranks_be_held))
