/*
 * Counters of two threads: lm_percpu_add against one shared atomic; the ratio of the medians is 5 at least. The numbers
 * go to standard output.
 *
 * Many short rounds, in turn, which both threads begin at one moment, each on a CPU of its own: others may use the
 * machine too, and two threads of which one waits for its CPU do not meet.
 */
#define _GNU_SOURCE
#include <libmalloc.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 301, ADDS = 20000, THREADS = 2, KINDS = 3, RATIO = 5, UNABLE = 77 };

/* glibc 2.35 and later; 0 where it has registered no restartable sequences. */
extern const unsigned __rseq_size __attribute__((weak));

static _Alignas(256) _Atomic int64_t shared;
static _Alignas(256) _Atomic unsigned arrived;
static int64_t *dynamic;
static LM_DEFINE_PER_CPU(int64_t, fixed);
static double times[THREADS][KINDS][ROUNDS];

static void add_shared(void)
{
	for (int i = 0; i < ADDS; i++)
		atomic_fetch_add_explicit(&shared, 1, memory_order_relaxed);
}

static void add_dynamic(void)
{
	for (int i = 0; i < ADDS; i++)
		lm_percpu_add(dynamic, 1);
}

static void add_static(void)
{
	for (int i = 0; i < ADDS; i++)
		lm_percpu_add(&fixed, 1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void meet(unsigned times_met)
{
	atomic_fetch_add(&arrived, 1);
	while (atomic_load(&arrived) < times_met * THREADS)
		continue;
}

static void *run(void *argument)
{
	static void (*const bodies[KINDS])(void) = {add_shared, add_dynamic, add_static};
	size_t index = (size_t)argument;
	unsigned met = 0;
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(index, &one);
	if (pthread_setaffinity_np(pthread_self(), sizeof(one), &one) != 0)
		exit(UNABLE);
	for (int round = 0; round < ROUNDS; round++) {
		for (int kind = 0; kind < KINDS; kind++) {
			meet(++met);
			double begin = now();
			bodies[kind]();
			times[index][kind][round] = (now() - begin) / ADDS;
		}
	}
	return NULL;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nanoseconds for an addition of the slower thread: the median over the rounds. */
static double median(int kind)
{
	double slower[ROUNDS];
	for (int round = 0; round < ROUNDS; round++)
		slower[round] = times[0][kind][round] > times[1][kind][round] ? times[0][kind][round]
									       : times[1][kind][round];
	qsort(slower, ROUNDS, sizeof(double), ascending);
	return slower[ROUNDS / 2];
}

int main(void)
{
	pthread_t other;
	if (sysconf(_SC_NPROCESSORS_ONLN) < THREADS)
		return puts("one CPU only"), UNABLE;
	if (&__rseq_size == NULL || __rseq_size == 0)
		return puts("no restartable sequences: atomics it is"), UNABLE;
	dynamic = (int64_t *)lm_percpu_alloc(sizeof(int64_t), 0);
	if (dynamic == NULL || pthread_create(&other, NULL, run, (void *)1) != 0)
		return UNABLE;
	run((void *)0);
	pthread_join(other, NULL);
	double atomic = median(0);
	double slot = median(1);
	double variable = median(2);
	printf("shared atomic %.2f ns; lm_percpu_add %.2f ns, %.1f times as fast; of a static variable %.2f ns, %.1f times\n",
	       atomic, slot, atomic / slot, variable, atomic / variable);
	if (lm_percpu_sum(dynamic) != (int64_t)ROUNDS * THREADS * ADDS || lm_percpu_sum(&fixed) != lm_percpu_sum(dynamic))
		return fputs("additions were lost\n", stderr), 1;
	return atomic / slot < RATIO || atomic / variable < RATIO;
}
