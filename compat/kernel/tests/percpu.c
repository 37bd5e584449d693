/* Per-CPU data: static and dynamic variables, get and put in several threads and after fork, this_cpu_... */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <libmalloc/kernel.h>

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { THREADS = 4, ROUNDS = 20000 };

struct counters {
	long events;
	unsigned int errors;
	short small;
	unsigned char tiny;
	void *last;
};

DEFINE_PER_CPU(int, hits);
DEFINE_PER_CPU(long, begins_with) = 5;
DEFINE_PER_CPU(struct counters, counters);
DEFINE_PER_CPU_ALIGNED(int, lonely) = 3;
DEFINE_PER_CPU(int[3], row) = {1, 2, 3};
static DEFINE_PER_CPU(long, hidden) = -1;
DECLARE_PER_CPU(int, table[2][2]);
DEFINE_PER_CPU(int, table[2][2]) = {{1, 2}, {3, 4}};
static DEFINE_PER_CPU(struct counters, many[3]);
static DEFINE_PER_CPU_ALIGNED(long, apart[2]) = {8, 9};
DEFINE_PER_CPU(void *, pointers[2]);
DECLARE_PER_CPU(int, hits);
EXPORT_PER_CPU_SYMBOL(hits);

static struct counters __percpu *dynamic;
static void *book;

/* In some rounds it lets other threads run between the load and the store. */
static void add_slowly(long *counter, long amount, int round)
{
	long before = *(volatile long *)counter;
	if (round % 16 == 0)
		sched_yield();
	*(volatile long *)counter = before + amount;
}

/* Between get and put no other thread uses the slot, so no addition is lost. */
static void *count(void *unused)
{
	int i;
	for (i = 0; i < ROUNDS; i++) {
		unsigned long *foo;
		struct counters *slot;
		get_cpu_var(hits)++;
		put_cpu_var(hits);
		slot = get_cpu_ptr(dynamic);
		add_slowly(&slot->events, 2, i);
		put_cpu_ptr(dynamic);
		foo = (unsigned long *)get_cpu_var(book); /* the form of some books */
		*foo += 3;
		put_cpu_var(book);
		this_cpu_inc(counters.events);
		this_cpu_add(counters.errors, 2);
		this_cpu_sub(counters.small, 1);
		this_cpu_inc(dynamic->tiny);
		this_cpu_inc(many[2].events);
		preempt_disable();
		__this_cpu_add(many[2].events, 2);
		preempt_enable();
	}
	return unused;
}

static void in_threads(void)
{
	pthread_t threads[THREADS];
	long events = 0, own = 0, both = 0;
	unsigned long books = 0;
	int i, cpu, sum = 0;
	unsigned int errors = 0;
	short small = 0;
	unsigned char tiny = 0;
	for (i = 0; i < THREADS; i++)
		check(pthread_create(&threads[i], NULL, count, NULL) == 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for_each_possible_cpu(cpu) {
		sum += per_cpu(hits, cpu);
		events += per_cpu_ptr(dynamic, cpu)->events;
		books += *(unsigned long *)per_cpu_ptr(book, cpu);
		own += per_cpu(counters, cpu).events;
		both += per_cpu(many[2].events, cpu);
		errors += per_cpu(counters.errors, cpu);
		small = (short)(small + per_cpu(counters, cpu).small);
		tiny = (unsigned char)(tiny + per_cpu_ptr(dynamic, cpu)->tiny);
	}
	check(sum == THREADS * ROUNDS && events == 2L * THREADS * ROUNDS && books == 3UL * THREADS * ROUNDS);
	check(both == 3L * THREADS * ROUNDS);
	check(own == (long)THREADS * ROUNDS && errors == 2U * THREADS * ROUNDS);
	check(small == (short)-(THREADS * ROUNDS) && tiny == (unsigned char)(THREADS * ROUNDS));
}

static sem_t is_held, may_put;
static unsigned int held;

static void *hold(void *unused)
{
	held = get_cpu();
	sem_post(&is_held);
	sem_wait(&may_put);
	put_cpu();
	return unused;
}

/* A thread whose CPU's slot is taken gets another slot, and all names mean that slot. */
static void taken(void)
{
	pthread_t thread;
	cpu_set_t before, one;
	unsigned int cpu;
	if (num_possible_cpus() == 1 || sched_getaffinity(0, sizeof(before), &before) != 0)
		return;
	sem_init(&is_held, 0, 0);
	sem_init(&may_put, 0, 0);
	check(pthread_create(&thread, NULL, hold, NULL) == 0);
	sem_wait(&is_held);
	CPU_ZERO(&one);
	CPU_SET(held, &one);
	check(sched_setaffinity(0, sizeof(one), &one) == 0);
	cpu = get_cpu();
	check(cpu != held && smp_processor_id() == cpu);
	check(this_cpu_ptr(&hits) == &per_cpu(hits, cpu) && this_cpu_ptr(dynamic) == per_cpu_ptr(dynamic, cpu));
	put_cpu();
	check(smp_processor_id() == held);
	sem_post(&may_put);
	pthread_join(thread, NULL);
	sched_setaffinity(0, sizeof(before), &before);
}

enum { TOGETHER = 1000000 };
DEFINE_PER_CPU(long, both_add);

static int go_to(unsigned int cpu)
{
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	return sched_setaffinity(0, sizeof(one), &one) == 0;
}

static void *add_there(void *unused)
{
	int i;
	check(go_to(0));
	sem_post(&is_held);
	for (i = 0; i < TOGETHER; i++)
		this_cpu_add(both_add, 1);
	return unused;
}

/* One thread has taken CPU 0's slot and runs on CPU 1; the other runs on CPU 0. No addition is lost. */
static void elsewhere(void)
{
	pthread_t thread;
	cpu_set_t before;
	unsigned int cpu;
	long sum = 0;
	int i;
	if (sched_getaffinity(0, sizeof(before), &before) != 0 || !go_to(1) || !go_to(0))
		return;
	cpu = get_cpu();
	check(go_to(1) && smp_processor_id() == cpu);
	sem_init(&is_held, 0, 0);
	check(pthread_create(&thread, NULL, add_there, NULL) == 0);
	sem_wait(&is_held);
	for (i = 0; i < TOGETHER; i++)
		(void)this_cpu_add_return(both_add, 1);
	pthread_join(thread, NULL);
	put_cpu();
	sched_setaffinity(0, sizeof(before), &before);
	for_each_possible_cpu(cpu) {
		sum += per_cpu(both_add, cpu);
	}
	check(sum == 2L * TOGETHER);
}

enum { MANY_CPUS = 1024 };

/* Linux since 4.14 zeroes memory in the child of a fork. */
static int zeroes_in_child(void)
{
	void *page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int result = madvise(page, PAGE_SIZE, MADV_WIPEONFORK);
	munmap(page, PAGE_SIZE);
	return result == 0;
}

static void expect_success(pid_t child)
{
	int status;
	check(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* At the fork other threads hold all slots. In the child all slots are free; otherwise the child would never end. */
static void fork_while_all_are_held(void)
{
	pthread_t threads[MANY_CPUS];
	unsigned int i, cpus = num_possible_cpus();
	pid_t child;
	if (cpus > MANY_CPUS)
		return;
	sem_init(&is_held, 0, 0);
	sem_init(&may_put, 0, 0);
	for (i = 0; i < cpus; i++) {
		check(pthread_create(&threads[i], NULL, hold, NULL) == 0);
		sem_wait(&is_held);
	}
	child = fork();
	if (child == 0) {
		for (i = 0; i < 3; i++) {
			get_cpu_var(hits)++;
			put_cpu_var(hits);
		}
		_exit(0);
	}
	expect_success(child);
	for (i = 0; i < cpus; i++)
		sem_post(&may_put);
	for (i = 0; i < cpus; i++)
		pthread_join(threads[i], NULL);
}

/* The thread forked between get and put. In the child another thread takes the slot: put must not unlock it. */
static void child_puts_what_it_got_before(unsigned int cpu)
{
	pthread_t thread;
	check(smp_processor_id() == cpu);
	sem_init(&is_held, 0, 0);
	sem_init(&may_put, 0, 0);
	check(pthread_create(&thread, NULL, hold, NULL) == 0);
	sem_wait(&is_held);
	put_cpu();
	check(held == cpu && get_cpu() != cpu);
	put_cpu();
	sem_post(&may_put);
	pthread_join(thread, NULL);
	check(get_cpu() == cpu);
	put_cpu();
}

static void fork_between_get_and_put(void)
{
	cpu_set_t before;
	unsigned int cpu;
	pid_t child;
	if (num_possible_cpus() == 1 || sched_getaffinity(0, sizeof(before), &before) != 0 || !go_to(0))
		return;
	cpu = get_cpu();
	child = fork();
	if (child == 0) {
		child_puts_what_it_got_before(cpu);
		_exit(0);
	}
	expect_success(child);
	put_cpu();
	check(get_cpu() == cpu);
	put_cpu();
	sched_setaffinity(0, sizeof(before), &before);
}

/* Calls nest, and until the last put all names mean one slot. */
static void nested(void)
{
	unsigned int cpu = get_cpu();
	check(cpu < num_possible_cpus() && smp_processor_id() == cpu && raw_smp_processor_id() == cpu);
	check(&get_cpu_var(hits) == &per_cpu(hits, cpu) && this_cpu_ptr(&hits) == &per_cpu(hits, cpu));
	check(get_cpu_ptr(dynamic) == per_cpu_ptr(dynamic, cpu) && raw_cpu_ptr(dynamic) == per_cpu_ptr(dynamic, cpu));
	check(this_cpu_ptr(&dynamic->errors) == &per_cpu_ptr(dynamic, cpu)->errors);
	put_cpu_ptr(dynamic);
	check(smp_processor_id() == cpu);
	put_cpu_var(hits);
	put_cpu();
	preempt_disable();
	check(__get_cpu_var(lonely) == 3);
	preempt_enable();
}

static void operations(void)
{
	long expected = 7;
	preempt_disable();
	this_cpu_write(begins_with, 5);
	check(this_cpu_read(begins_with) == 5 && this_cpu_add_return(begins_with, 2) == 7);
	check(this_cpu_xchg(begins_with, 9) == 7 && this_cpu_cmpxchg(begins_with, 1, 2) == 9);
	check(this_cpu_cmpxchg(begins_with, 9, 12) == 9 && this_cpu_read(begins_with) == 12);
	check(!this_cpu_try_cmpxchg(begins_with, &expected, 1) && expected == 12);
	check(this_cpu_try_cmpxchg(begins_with, &expected, 1) && __this_cpu_read(begins_with) == 1);
	check(this_cpu_inc_return(begins_with) == 2 && this_cpu_dec_return(begins_with) == 1);
	this_cpu_or(begins_with, 6);
	this_cpu_and(begins_with, 5);
	check(raw_cpu_read(begins_with) == 5);
	this_cpu_dec(begins_with);
	__this_cpu_add(begins_with, 1);
	raw_cpu_sub(begins_with, 1);
	check(this_cpu_sub_return(begins_with, 1) == 3);
	this_cpu_write(counters.last, &expected);
	check(this_cpu_read(counters.last) == &expected);
	preempt_enable();
}

/* The name of an array is a per-CPU pointer to its first element. */
static void arrays(void)
{
	int cpu, *first;
	for_each_possible_cpu(cpu) {
		check(per_cpu(table, cpu)[1][0] == 3 && per_cpu(table[0][1], cpu) == 2 && per_cpu(apart[1], cpu) == 9);
		check(*per_cpu_ptr(row, cpu) == 1 && per_cpu_ptr(row + 2, cpu) == &per_cpu(row[2], cpu));
		check(aligned_to(per_cpu_ptr(apart, cpu), 64) && per_cpu_ptr(many, cpu) == &per_cpu(many[0], cpu));
	}
	preempt_disable();
	check(this_cpu_ptr(&pointers[1]) == this_cpu_ptr(pointers) + 1 && this_cpu_read(pointers[1]) == NULL);
	first = get_cpu_ptr(row);
	check(first == per_cpu_ptr(&row[0], smp_processor_id()) && get_cpu_var(row)[1] == 2);
	put_cpu_var(row);
	put_cpu_ptr(row);
	preempt_enable();
}

/* The same operations in all three families. */
#define FAMILY(prefix) \
	do { \
		long was = 6; \
		prefix##write(hidden, 6); \
		prefix##add(hidden, 2); \
		prefix##sub(hidden, 1); \
		prefix##inc(hidden); \
		prefix##dec(hidden); \
		prefix##and(hidden, 6); \
		prefix##or(hidden, 8); \
		check(prefix##read(hidden) == 14 && prefix##add_return(hidden, 2) == 16); \
		check(prefix##sub_return(hidden, 10) == 6 && prefix##inc_return(hidden) == 7); \
		check(prefix##dec_return(hidden) == 6 && prefix##try_cmpxchg(hidden, &was, 5)); \
		check(prefix##cmpxchg(hidden, 5, 4) == 5 && prefix##xchg(hidden, 3) == 4); \
	} while (0)

static void families(void)
{
	preempt_disable();
	FAMILY(this_cpu_);
	FAMILY(__this_cpu_);
	FAMILY(raw_cpu_);
	preempt_enable();
}

int main(void)
{
	int cpu, seen = 0;
	dynamic = alloc_percpu(struct counters);
	book = __alloc_percpu(sizeof(unsigned long), __alignof__(unsigned long));
	check(dynamic != NULL && book != NULL);
	for_each_online_cpu(cpu) {
		seen++;
		check(per_cpu(begins_with, cpu) == 5 && per_cpu(lonely, cpu) == 3 && per_cpu(hits, cpu) == 0);
		check(per_cpu(row, cpu)[2] == 3 && per_cpu(row[1], cpu) == 2 && per_cpu(hidden, cpu) == -1);
		check(filled_with(per_cpu_ptr(dynamic, cpu), 0, sizeof(*dynamic)));
		check(aligned_to(per_cpu_ptr(&lonely, cpu), 64));
	}
	check((unsigned int)seen == num_online_cpus() && num_present_cpus() == nr_cpu_ids);
	in_threads();
	taken();
	elsewhere();
	if (zeroes_in_child()) {
		fork_while_all_are_held();
		fork_between_get_and_put();
	}
	nested();
	operations();
	arrays();
	families();
	free_percpu(dynamic);
	free_percpu(book);
	free_percpu(alloc_percpu_gfp(int, GFP_KERNEL));
	free_percpu(NULL);
	check(__alloc_percpu(32769, 8) == NULL);
	return 0;
}
