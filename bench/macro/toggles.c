/*
 * toggles.c - a table of slots that are toggled: an empty one gets a block, a full one is freed. Sizes are as likely in
 * each doubling from 8 B to 8 KiB, but half as likely as in the one before; slots are chosen with a skew, so that some
 * blocks live shortly and others very long. Each block is written as a whole and read before it is freed. After the
 * shape of "alloc-test" (Hare 2018). One operation is one malloc or free.
 *
 *      toggles [threads, 2]
 */
#include "../lib/load.h"

enum { SLOTS = 1 << 17, TOGGLES = 6000000, LEAST_SHIFT = 3, SHIFTS = 10 };

static size_t toggles, slots_each;

static size_t random_size(uint64_t *random)
{
	uint32_t bits = bench_random(random);
	int shift = LEAST_SHIFT + __builtin_ctz(bits | 1 << (SHIFTS - 1));
	return ((size_t)1 << shift) + (bits >> SHIFTS) % ((size_t)1 << shift);
}

static struct tagged filled(size_t bytes)
{
	struct tagged block = {memset(load_alloc(bytes), (int)bytes, bytes), bytes};
	tagged_write(block.block, bytes);
	return block;
}

/* The middle of the block still holds what it was filled with. */
static void drop(struct tagged *slot)
{
	size_t middle = slot->bytes / 2;
	if (slot->bytes > 2 * sizeof(uint64_t))
		load_check(((unsigned char *)slot->block)[middle] == (unsigned char)slot->bytes, "a block changed");
	tagged_drop(slot);
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct tagged *slots = calloc(slots_each, sizeof *slots);
	load_check(slots != NULL, "out of memory");
	for (size_t i = 0; i < toggles; i++) {
		struct tagged *slot = &slots[load_below(&random, load_below(&random, slots_each) + 1)];
		if (slot->block == NULL)
			*slot = filled(random_size(&random));
		else
			drop(slot);
	}
	for (size_t i = 0; i < slots_each; i++)
		if (slots[i].block != NULL)
			drop(&slots[i]);
	free(slots);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	toggles = load_work(TOGGLES) / (size_t)threads;
	slots_each = load_work(SLOTS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)toggles * threads);
	return 0;
}
