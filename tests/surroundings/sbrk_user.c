/* A program that calls sbrk itself between mallocs, for sizes that are no multiple of a page, and gives some of it
 * back: its memory is never handed out, trimmed away, zeroed or counted as ours.
 */
#include "surroundings.h"
#include <malloc.h>

#define OWNED 200
#define LIVE 2000

static struct owned {
	unsigned char *start;
	size_t size;
} owned[OWNED];

static unsigned char *live[LIVE];
static size_t live_size[LIVE];

static void churn(uint64_t *seed)
{
	for (int i = 0; i < 1000; i++) {
		size_t slot = next_random(seed) % LIVE;
		if (live[slot])
			CHECK(live[slot][0] == slot % 251 && live[slot][live_size[slot] - 1] == slot % 251);
		free(live[slot]);
		live_size[slot] = 1 + next_random(seed) % (i % 20 ? 3000 : 120000);
		CHECK((live[slot] = malloc(live_size[slot])));
		memset(live[slot], (int)(slot % 251), live_size[slot]);
	}
}

static void free_half(uint64_t *seed)
{
	for (int slot = 0; slot < LIVE; slot++)
		if (next_random(seed) % 2) {
			free(live[slot]);
			live[slot] = NULL;
		}
}

static void check_owned(int count)
{
	for (int i = 0; i < count; i++)
		for (size_t at = 0; at < owned[i].size; at++)
			CHECK(owned[i].start[at] == i % 255 + 1);
}

/* Gives back the upper half of the newest own block when nobody has grown the heap since. */
static int shrink_own(struct owned *newest)
{
	if ((unsigned char *)sbrk(0) != newest->start + newest->size)
		return 0;
	size_t give_back = newest->size / 2 + 1;
	CHECK(sbrk(-(intptr_t)give_back) != (void *)-1);
	newest->size -= give_back;
	return 1;
}

int main(void)
{
	uint64_t seed = 31337;
	int shrunk = 0;

	for (int i = 0; i < OWNED; i++) {
		churn(&seed);
		size_t size = (next_random(&seed) % 20) * 4096 + next_random(&seed) % 4096 + 1;
		owned[i].start = sbrk((intptr_t)size);
		CHECK(owned[i].start != (void *)-1);
		owned[i].size = size;
		memset(owned[i].start, i % 255 + 1, size);
		if (i % 3 == 0)
			shrunk += shrink_own(&owned[i]);
		if (i % 4 == 0)
			free_half(&seed);
		if (i % 5 == 0)
			malloc_trim(0);
		check_owned(i + 1);
	}
	for (int slot = 0; slot < LIVE; slot++)
		free(live[slot]);
	malloc_trim(0);
	check_owned(OWNED);
	printf("%d blocks of its own kept through churn and trim, %d of them given back in part\n", OWNED, shrunk);
	CHECK(shrunk > 0);
	return 0;
}
