/*
 * threads.c - what threads do to each other through the allocator.
 *
 *      handover/...    one thread allocates batches of 100 blocks, another frees them, through a ring with one writer
 *                      and one reader, which needs no lock. One operation is one block; its time is the slower side's
 *      one_class/N     N threads, all on 48-byte blocks, 64 at a time: what they share, they fight for. One operation
 *                      is one malloc and its free, the time what all threads need together for it
 *      start/N         N threads start, allocate 64 blocks of 16 B to 1 KiB each, free them and end. One operation
 *                      is one thread
 */
#include "bodies.h"

#include <sched.h>
#include <stdatomic.h>

enum { BATCH = 100, RING = 64, SPINS = 200, HELD = 64, ROUNDS = 4000, STARTS = 10, CALLS = 64 };

struct batch {
	struct tagged blocks[BATCH];
};

/*
 * Batches [taken, given) are full. `given` is written by the producer alone and releases what it filled, `taken` by the
 * consumer alone; each acquires the other's. They lie on lines of their own.
 */
static struct {
	_Alignas(128) _Atomic size_t given;
	_Alignas(128) _Atomic size_t taken;
	_Alignas(128) _Atomic size_t last; /* the consumer ends when it took so many */
	struct batch batches[RING];
} ring;

/* The other side may have lost its processor: then give it ours. */
static void wait_a_little(int *spins)
{
	if (++*spins % SPINS == 0)
		sched_yield();
}

static void *consume(void *argument)
{
	size_t taken = atomic_load_explicit(&ring.taken, memory_order_relaxed);
	for (int spins = 0; taken != atomic_load_explicit(&ring.last, memory_order_acquire);) {
		if (taken == atomic_load_explicit(&ring.given, memory_order_acquire)) {
			wait_a_little(&spins);
			continue;
		}
		for (int i = 0; i < BATCH; i++)
			tagged_drop(&ring.batches[taken % RING].blocks[i]);
		atomic_store_explicit(&ring.taken, ++taken, memory_order_release);
	}
	return argument;
}

static void produce(size_t least, size_t most, uint64_t *random)
{
	size_t given = atomic_load_explicit(&ring.given, memory_order_relaxed);
	for (int spins = 0; given - atomic_load_explicit(&ring.taken, memory_order_acquire) == RING;)
		wait_a_little(&spins);
	for (int i = 0; i < BATCH; i++)
		ring.batches[given % RING].blocks[i] = tagged_new(least + load_below(random, most - least + 1));
	atomic_store_explicit(&ring.given, given + 1, memory_order_release);
}

static void hand_over(struct bench_state *state, size_t least, size_t most)
{
	uint64_t random = load_seed(0);
	atomic_store_explicit(&ring.last, SIZE_MAX, memory_order_release);
	pthread_t consumer = load_thread(consume, NULL);
	while (bench_next(state, BATCH))
		produce(least, most, &random);
	size_t given = atomic_load_explicit(&ring.given, memory_order_relaxed);
	atomic_store_explicit(&ring.last, given, memory_order_release);
	pthread_join(consumer, NULL);
}

static void handover(struct bench_state *state, size_t bytes) { hand_over(state, bytes, bytes); }
static void handover_mixed(struct bench_state *state, size_t most) { hand_over(state, 16, most); }

/* At a time the threads have ROUNDS together. */
static size_t rounds_each;

static void *use_one_class(void *argument)
{
	void *blocks[HELD];
	for (size_t round = 0; round < rounds_each; round++) {
		for (int i = 0; i < HELD; i++)
			blocks[i] = touched_alloc(48);
		for (int i = 0; i < HELD; i++)
			free(blocks[i]);
	}
	return argument;
}

static void one_class(struct bench_state *state, size_t threads)
{
	rounds_each = ROUNDS / threads;
	while (bench_next(state, rounds_each * threads * HELD))
		load_threads((int)threads, use_one_class);
}

static void *live_shortly(void *argument)
{
	void *blocks[CALLS];
	for (size_t i = 0; i < CALLS; i++)
		blocks[i] = touched_alloc(16 + i * 16);
	for (size_t i = 0; i < CALLS; i++)
		free(blocks[i]);
	return argument;
}

static void start(struct bench_state *state, size_t threads)
{
	while (bench_next(state, STARTS * threads))
		for (int i = 0; i < STARTS; i++)
			load_threads((int)threads, live_shortly);
}

void register_threads(void)
{
	bench_register("handover/48", handover, 48);
	bench_register("handover/16-527", handover_mixed, 527);
	bench_register("handover/4k", handover, 4096);
	bench_register("one_class/1", one_class, 1);
	bench_register("one_class/2", one_class, 2);
	bench_register("one_class/8", one_class, 8);
	bench_register("one_class/64", one_class, 64);
	bench_register("start/1", start, 1);
	bench_register("start/2", start, 2);
	bench_register("start/16", start, 16);
}
