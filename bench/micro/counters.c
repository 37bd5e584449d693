/*
 * counters.c - two threads that count, each on a CPU of its own: one operation is one addition by each of them.
 *
 *      counter/shared   to one atomic variable
 *      counter/percpu   by lm_percpu_add, which libmalloc alone has: skipped on others
 */
#define _GNU_SOURCE
#include "bodies.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdatomic.h>

enum { ADDS = 1000000, COUNTING = 2, SKIPPED = 77 };

static _Alignas(256) _Atomic int64_t shared;
static _Alignas(256) _Atomic unsigned arrived;
static _Atomic unsigned next_cpu;
static void (*percpu_add)(int64_t *percpu, int64_t amount);
static int64_t *counter;

/* On CPUs of their own, and both running: else they would not meet at the counter. */
static void begin_together(void)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(atomic_fetch_add_explicit(&next_cpu, 1, memory_order_relaxed) % COUNTING, &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	unsigned goal = atomic_fetch_add_explicit(&arrived, 1, memory_order_acq_rel) / COUNTING * COUNTING + COUNTING;
	while (atomic_load_explicit(&arrived, memory_order_acquire) < goal)
		continue;
}

static void *add_shared(void *argument)
{
	begin_together();
	for (int i = 0; i < ADDS; i++)
		atomic_fetch_add_explicit(&shared, 1, memory_order_relaxed);
	return argument;
}

static void *add_percpu(void *argument)
{
	begin_together();
	for (int i = 0; i < ADDS; i++)
		percpu_add(counter, 1);
	return argument;
}

static void count_shared(struct bench_state *state, size_t threads)
{
	while (bench_next(state, ADDS))
		load_threads((int)threads, add_shared);
}

static void count_percpu(struct bench_state *state, size_t threads)
{
	void *(*percpu_alloc)(size_t size, size_t align);
	*(void **)&percpu_alloc = dlsym(RTLD_DEFAULT, "lm_percpu_alloc");
	*(void **)&percpu_add = dlsym(RTLD_DEFAULT, "lm_percpu_add");
	if (percpu_alloc == NULL || percpu_add == NULL) {
		fprintf(stderr, "there is no lm_percpu_add\n");
		exit(SKIPPED);
	}
	if (counter == NULL)
		counter = percpu_alloc(sizeof(int64_t), 0);
	while (bench_next(state, ADDS))
		load_threads((int)threads, add_percpu);
}

void register_counters(void)
{
	bench_register("counter/shared", count_shared, COUNTING);
	bench_register("counter/percpu", count_percpu, COUNTING);
}
