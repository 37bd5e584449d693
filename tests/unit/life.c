/*
 * life.c - the end of threads (os/thread_exit.c), fork (libc/fork.c), M_PERTURB (heap/perturb.c).
 */
#define _GNU_SOURCE
#include "ext/reserve.h"
#include "heap/request.h"
#include "magazine/bins.h"
#include "magazine/depot.h"
#include "os/thread.h"
#include "unit.h"

#include "base/settings.h"
#include "libc/fork.h"
#include "libc/options.h"
#include "os/thread_exit.h"
#include "large/large_cache.h"
#include "heap/heap.h"
#include "page/meta.h"
#include "page/purge.h"
#include "page/trim.h"
#include "slab/cache.h"
#include "slab/reclaim.h"
#include "magazine/thread_cache.h"

#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 16, BYTES = 64, LATE = 20 };

static unsigned c64(void) { return size_class_of(BYTES); }

static void use_and_leave(unsigned index)
{
	void *objects[200];
	for (size_t i = 0; i < 200; i++)
		objects[i] = heap_alloc(BYTES);
	for (size_t i = 0; i < 200; i++)
		heap_free(objects[i], "free");
	check(thread_count() >= 1 && index < THREADS);
}

static void caches_end_with_their_threads(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		unit_threads(THREADS, use_and_leave);
		assert_int_equal(thread_count(), 0);
	}
	depot_drain_all();
	check_all_objects_free();
	/* Their memory was used again: a few chunks for all 320. */
	assert_true(meta_mapped_bytes() < 4 << 20);
}

static pthread_key_t early, late;
static _Atomic unsigned destroyed;

/* Frees and allocates in each round of destructors. */
static void destructor(void *value)
{
	uintptr_t round = (uintptr_t)value;
	/* In the first round the cache is still there. */
	check(round != LATE || thread_cache_self != THREAD_CACHE_ENDED);
	void *block = heap_alloc(BYTES);
	void *mapped = heap_alloc(300000);
	check(block != NULL && mapped != NULL);
	heap_free(block, "free");
	heap_free(mapped, "free");
	destroyed++;
	if (round < 10)
		pthread_setspecific(early, (void *)(round + 1));
}

static void *with_keys(void *unused)
{
	pthread_setspecific(early, (void *)1);
	heap_free(heap_alloc(BYTES), "free");
	pthread_setspecific(late, (void *)LATE);
	return unused;
}

static void key_destructors_may_allocate(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_key_create(&early, destructor), 0);
	heap_free(heap_alloc(BYTES), "free");
	assert_int_equal(pthread_key_create(&late, destructor), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(pthread_create(&thread, NULL, with_keys, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_true(destroyed >= 20 * 4);
	assert_int_equal(thread_count(), 1);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

static pthread_key_t keys[PTHREAD_KEYS_MAX];
static size_t nkeys;

/* Makes keys until there are no more: how many. */
static size_t take_all_keys(void)
{
	for (nkeys = 0; nkeys < PTHREAD_KEYS_MAX; nkeys++)
		if (pthread_key_create(&keys[nkeys], NULL) != 0)
			break;
	return nkeys;
}

static void give_keys_back(void)
{
	while (nkeys > 0)
		pthread_key_delete(keys[--nkeys]);
}

static void use_without_a_cache(unsigned index)
{
	void *objects[200];
	for (size_t i = 0; i < 200; i++)
		check((objects[i] = heap_alloc(i * (index + 1))) != NULL);
	check(thread_count() == 0);
	for (size_t i = 0; i < 200; i++)
		heap_free(objects[i], "free");
	check(thread_count() == 0 && thread_cache_self == THREAD_CACHE_ENDED);
}

/* Without a key a thread gets no cache: it would be lost at its end. When keys are free again, new threads get one. */
static void without_a_key_threads_do_without_caches(void **state)
{
	(void)state;
	assert_true(take_all_keys() > 0);
	size_t before = meta_mapped_bytes();
	for (int round = 0; round < 20; round++)
		unit_threads(THREADS, use_without_a_cache);
	assert_in_range(meta_mapped_bytes() - before, 0, 1 << 20);
	give_keys_back();
	caches_end_with_their_threads(state);
}

static _Atomic size_t arrived;

static void make_key_at_once(unsigned index)
{
	(void)index;
	atomic_fetch_add(&arrived, 1);
	unit_meet(&arrived, 2);
	thread_exit_make_key(thread_cache_end);
}

static void make_key_in_two_threads(void *unused)
{
	(void)unused;
	size_t before = take_all_keys();
	give_keys_back();
	unit_threads(2, make_key_at_once);
	check(take_all_keys() == before - 1);
}

/* Threads that start at once may each make a key. All keys but one are deleted. */
static void one_key_is_taken(void **state)
{
	(void)state;
	char text[200];
	for (size_t i = 0; i < unit_rounds(300); i++)
		assert_int_equal(unit_capture(make_key_in_two_threads, NULL, text, sizeof(text)), 0);
}

static pthread_key_t first;
static uintptr_t first_call_in; /* the round of destructors */

static void call_first(void *round)
{
	if ((uintptr_t)round == first_call_in)
		heap_free(heap_alloc(BYTES), "free");
	else
		pthread_setspecific(first, (char *)round + 1);
}

static void *without_calls(void *unused)
{
	pthread_setspecific(first, (void *)1);
	return unused;
}

/* Our key comes before the other one, as the constructor's does, or behind it. */
static void a_first_call_may_come_in_a_destructor(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_key_create(&first, call_first), 0);
	for (int ours = 0; ours < 2; ours++) {
		for (first_call_in = 1; first_call_in <= 2; first_call_in++) {
			size_t before = thread_count();
			assert_int_equal(pthread_create(&thread, NULL, without_calls, NULL), 0);
			assert_int_equal(pthread_join(thread, NULL), 0);
			assert_int_equal(thread_count(), before);
		}
		pthread_key_t lower = first;
		assert_int_equal(pthread_key_create(&first, call_first), 0);
		pthread_key_delete(lower);
	}
}

static void leave_and_begin(void *round)
{
	thread_cache_leave();
	heap_free(heap_alloc(BYTES), "free");
	if ((uintptr_t)round < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(late, (char *)round + 1);
}

static void *use_then_leave(void *unused)
{
	heap_free(heap_alloc(BYTES), "free");
	pthread_setspecific(late, (void *)1);
	return unused;
}

/* As M_PERTURB does, set and taken back. */
static void a_cache_left_in_a_destructor_ends_too(void **state)
{
	(void)state;
	pthread_t thread;
	heap_free(heap_alloc(BYTES), "free");
	assert_int_equal(pthread_key_create(&late, leave_and_begin), 0);
	assert_int_equal(pthread_create(&thread, NULL, use_then_leave, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(thread_count(), 1);
}

/* All locks of the heap, as fork must hold and release them. */
static bool all_are_free(void)
{
	bool held = purge_lock.word != 0 || threads_lock.word != 0 || large_cache_lock.word != 0;
	for (unsigned i = 0; i < RESERVE_LOCKS; i++)
		held |= reserve_locks[i].word != 0;
	for (unsigned c = 0; c < CLASS_COUNT; c++)
		held |= caches[c].lock.word != 0 || depots[c].lock.word != 0;
	for (int id = 0; id < ZONE_COUNT; id++)
		held |= zones[id].lock.word != 0;
	return !held && meta_lock.word == 0;
}

static _Atomic bool over;

static void *churn(void *argument)
{
	struct random random = random_start((uintptr_t)argument);
	static _Thread_local void *blocks[300];
	while (!atomic_load(&over)) {
		void **block = &blocks[random_below(&random, 300)];
		heap_free(*block, "free");
		*block = heap_alloc(random_below(&random, random_one_in(&random, 50) ? 400000 : 3000));
		if (random_one_in(&random, 200))
			reclaim_all();
		if (random_one_in(&random, 200))
			trim_to_pad(&zones[ZONE_HEAP], 0);
	}
	for (size_t i = 0; i < 300; i++)
		heap_free(blocks[i], "free");
	return NULL;
}

/* The child goes on with a heap in which all checks hold and no lock is held. */
static _Noreturn void live_on(void)
{
	if (!all_are_free() || thread_count() != 1 || zones[ZONE_HEAP].detached_pages != 0)
		_exit(1);
	check_everything();
	for (size_t bytes = 0; bytes < 300000; bytes += bytes / 4 + 16) {
		char *block = heap_alloc(bytes);
		if (block == NULL)
			_exit(2);
		memset(block, 1, bytes);
		heap_free(block, "free");
	}
	thread_cache_flush();
	reclaim_all();
	check_everything();
	_exit(0);
}

static void fork_is_safe_at_any_moment(void **state)
{
	(void)state;
	pthread_t threads[3];
	int status;
	fork_register();
	heap_free(heap_alloc(BYTES), "free");
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
	for (size_t i = 0; i < unit_rounds(150); i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			live_on();
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(all_are_free());
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

static bool all_bytes_are(const void *block, size_t bytes, unsigned char value)
{
	for (size_t i = 0; i < bytes; i++)
		if (((const unsigned char *)block)[i] != value)
			return false;
	return true;
}

static void perturbed_memory_is_filled(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 16, 100, 2000, 30000, 200000};
	char *before = heap_alloc(100);
	memset(before, 0, 100);
	assert_true(option_set(option_of_mallopt(M_PERTURB), 0x5a));
	/* The cache is given up, so that every call is seen. */
	assert_int_equal(thread_count(), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *block = heap_alloc(sizes[i]);
		assert_true(all_bytes_are(block, sizes[i], 0xa5));
		char *aligned = heap_aligned(64, sizes[i]);
		assert_true(all_bytes_are(aligned, sizes[i], 0xa5));
		char *zeros = heap_calloc(1, sizes[i]);
		assert_true(all_bytes_are(zeros, sizes[i], 0));
		heap_free(aligned, "free");
		heap_free(zeros, "free");
		/* Another object keeps the slab, so that freed memory can be looked at. */
		void *keeper = heap_alloc(sizes[i]);
		heap_free(block, "free");
		if (sizes[i] < 20000)
			assert_true(all_bytes_are(block, sizes[i], 0x5a));
		heap_free(keeper, "free");
	}
	assert_int_equal(thread_count(), 0);
	heap_free(before, "free");
	assert_true(option_set(option_of_mallopt(M_PERTURB), 0));
	heap_free(heap_alloc(100), "free");
	assert_int_equal(thread_count(), 1);
}

static void the_slow_way_is_the_same_heap(void **state)
{
	(void)state;
	void *objects[100];
	for (size_t i = 0; i < 100; i++)
		objects[i] = heap_alloc(BYTES);
	thread_cache_disabled = true;
	thread_cache_leave();
	for (size_t i = 0; i < 100; i++)
		heap_free(objects[i], "free");
	assert_int_equal(caches[c64()].objects_out, 0);
	check_all_objects_free();
}

UNIT_MAIN(UNIT(caches_end_with_their_threads), UNIT(key_destructors_may_allocate),
	  UNIT(without_a_key_threads_do_without_caches), UNIT(one_key_is_taken),
	  UNIT(a_first_call_may_come_in_a_destructor), UNIT(a_cache_left_in_a_destructor_ends_too),
	  UNIT(fork_is_safe_at_any_moment),
	  UNIT(perturbed_memory_is_filled), UNIT(the_slow_way_is_the_same_heap))
