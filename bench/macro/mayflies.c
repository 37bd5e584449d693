/*
 * mayflies.c - threads that live shortly, one after the other without end, after the shape of mimalloc's "mleak"
 * (Leijen 2019): each allocates blocks of 16 B to 32 KiB, frees half of them, leaves the others to the main thread,
 * which frees them once it has ended, and ends. Nothing is live after each thread, so the peak of the resident set
 * tells whether the memory of ended threads is used again. One operation is one malloc and its free.
 *
 *      mayflies [threads at a time, 2]
 */
#include "../lib/load.h"

enum { BLOCKS = 400, LIVES = 5000, LEAST_SHIFT = 4, SHIFTS = 11 };

struct life {
	struct tagged blocks[BLOCKS];
	uint64_t random;
};

static struct life lives[LOAD_MAX_THREADS];

/* Each doubling is half as likely as the one before. */
static size_t random_size(uint64_t *random)
{
	uint32_t bits = bench_random(random);
	int shift = LEAST_SHIFT + __builtin_ctz(bits | 1 << (SHIFTS - 1));
	return ((size_t)1 << shift) + (bits >> SHIFTS) % ((size_t)1 << shift);
}

static void *live(void *argument)
{
	struct life *life = argument;
	for (int i = 0; i < BLOCKS; i++)
		life->blocks[i] = tagged_new(random_size(&life->random));
	for (int i = 0; i < BLOCKS; i += 2)
		tagged_drop(&life->blocks[i]);
	return NULL;
}

static void bury(struct life *life)
{
	for (int i = 0; i < BLOCKS; i++)
		tagged_drop(&life->blocks[i]);
}

int main(int argc, char **argv)
{
	pthread_t threads[LOAD_MAX_THREADS];
	int count = load_argument(argc, argv, 1, 2);
	load_check(count <= LOAD_MAX_THREADS, "too many threads");
	size_t rounds = load_work(LIVES) / (size_t)count;
	uint64_t begin = bench_now_ns();
	for (int i = 0; i < count; i++)
		lives[i].random = load_seed(i);
	for (size_t round = 0; round < rounds; round++) {
		for (int i = 0; i < count; i++)
			threads[i] = load_thread(live, &lives[i]);
		for (int i = 0; i < count; i++) {
			pthread_join(threads[i], NULL);
			bury(&lives[i]);
		}
	}
	load_report(begin, (double)rounds * count * BLOCKS);
	return 0;
}
