/*
 * resizes.c - random sizes up to 16 KiB with many reallocs and frees by other threads, after the shape of
 * rpmalloc's benchmark (Jansson 2017). Each thread replaces, grows and shrinks blocks of its own table, and hands
 * whole handfuls of blocks to its neighbour, unless MOST_WAITING wait there already. One operation is one call.
 *
 *      resizes [threads, 2] [most bytes, 16000]
 */
#include "../lib/load.h"

#include <stdatomic.h>

enum { SLOTS = 2500, HANDFUL = 32, HAND_EVERY = 64, MOST_WAITING = 32, CALLS = 700000, LEAST = 16 };

struct handful {
	struct handful *next;
	struct tagged objects[HANDFUL];
};

static _Atomic(struct handful *) inbox[LOAD_MAX_THREADS];
static atomic_int waiting[LOAD_MAX_THREADS]; /* handfuls of the inbox; may lag behind, a limit and no guard */
static size_t calls, most;
static int threads;

/* Sizes near the lower end are likelier: the square of an even distribution. */
static size_t random_size(uint64_t *random)
{
	return LEAST + load_below(random, load_below(random, most - LEAST) + 1);
}

static void give_handful(int index, uint64_t *random)
{
	struct handful *handful = load_alloc(sizeof *handful);
	int neighbour = (index + 1) % threads;
	_Atomic(struct handful *) *to = &inbox[neighbour];
	for (int i = 0; i < HANDFUL; i++)
		handful->objects[i] = tagged_new(random_size(random));
	if (atomic_fetch_add_explicit(&waiting[neighbour], 1, memory_order_relaxed) >= MOST_WAITING)
		to = &inbox[index];
	handful->next = atomic_load_explicit(to, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(to, &handful->next, handful, memory_order_release,
		memory_order_relaxed))
		continue;
}

static void empty_inbox(int index)
{
	struct handful *handful = atomic_exchange_explicit(&inbox[index], NULL, memory_order_acquire);
	atomic_store_explicit(&waiting[index], 0, memory_order_relaxed);
	while (handful != NULL) {
		struct handful *next = handful->next;
		for (int i = 0; i < HANDFUL; i++)
			tagged_drop(&handful->objects[i]);
		free(handful);
		handful = next;
	}
}

static void resize(struct tagged *object, size_t bytes)
{
	if (object->block == NULL) {
		*object = tagged_new(bytes);
		return;
	}
	tagged_check(object->block, object->bytes);
	unsigned char first = *(unsigned char *)object->block;
	unsigned char *block = realloc(object->block, bytes);
	load_check(block != NULL && block[0] == first, "realloc lost the content");
	tagged_write(block, bytes);
	*object = (struct tagged){block, bytes};
}

static void *work(void *argument)
{
	int index = (int)(intptr_t)argument;
	uint64_t random = load_seed(index);
	struct tagged *slots = calloc(SLOTS, sizeof *slots);
	load_check(slots != NULL, "out of memory");
	for (size_t call = 0; call < calls; call++) {
		struct tagged *slot = &slots[load_below(&random, SLOTS)];
		if (call % HAND_EVERY == 0) {
			give_handful(index, &random);
			empty_inbox(index);
			call += HANDFUL;
		} else if (bench_random(&random) % 4 == 0) {
			resize(slot, random_size(&random));
		} else {
			tagged_drop(slot);
			*slot = tagged_new(random_size(&random));
		}
	}
	for (int i = 0; i < SLOTS; i++)
		tagged_drop(&slots[i]);
	free(slots);
	return NULL;
}

int main(int argc, char **argv)
{
	threads = load_argument(argc, argv, 1, 2);
	most = (size_t)load_argument(argc, argv, 2, 16000);
	calls = load_work(CALLS) * 2 / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	for (int i = 0; i < threads; i++)
		empty_inbox(i);
	load_report(begin, (double)calls * threads);
	return 0;
}
