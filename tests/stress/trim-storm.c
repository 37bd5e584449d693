// One thread trims, counts, describes and tunes the heap without a pause while others churn.
//
//   trim-storm SCALE SEED
//
// malloc_trim, mallinfo2, malloc_info, malloc_stats' relatives and mallopt may be called at any time: contents stay,
// calloc stays zero (M_PERTURB too), figures are possible, and the XML is whole.

#include "stress.h"

#include <stdbool.h>

enum {
	CHURNERS = 3,
	ROUNDS = 6000,		// at scale 100
	SLOTS = 2000,
};

static atomic_bool stop;

static void make_zeroed(struct object *object, struct random *random, uint64_t id)
{
	size_t size = random_size(random);
	unsigned char *start = calloc(1, size);

	for (size_t i = 0; start != NULL && i < size; i++)
		if (start[i] != 0)
			fail("calloc of %zu at %p: byte %zu is %#x", size, (void *)start, i, start[i]);
	object_adopt(object, start, size, natural_align(size), id);
}

// Grows and shrinks by turns, so that the top of the heap moves up and down.
static void *churn(void *arg)
{
	static struct object slots[CHURNERS][SLOTS];
	uint64_t worker = (uint64_t)(uintptr_t)arg;
	struct random random = random_of(worker);

	for (uint64_t id = worker << 40; !atomic_load(&stop); id++) {
		struct object *object = &slots[worker][random_below(&random, SLOTS)];
		bool growing = id / (SLOTS * 2) % 2 == 0;

		if (object->start != NULL && (!growing || random_below(&random, 2) == 0))
			object_drop(object);
		else if (object->start == NULL && id % 4 == 0)
			make_zeroed(object, &random, id);
		else if (object->start == NULL && growing)
			object_make(object, &random, id);
	}
	for (int i = 0; i < SLOTS; i++)
		object_drop(&slots[worker][i]);
	return NULL;
}

static void check_info(void)
{
	char *text = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&text, &length);

	if (stream == NULL || malloc_info(0, stream) != 0 || fclose(stream) != 0)
		fail("malloc_info");
	if (strncmp(text, "<malloc version=", 16) != 0 || strstr(text, "</malloc>") == NULL)
		fail("malloc_info wrote: %.200s", text);
	free(text);
}

static void check_figures(void)
{
	struct mallinfo2 figures = mallinfo2();
	size_t most = (size_t)16 << 30;

	if (figures.uordblks > most || figures.fordblks > most || figures.hblkhd > most || figures.arena > most ||
	    figures.hblks > most)
		fail("mallinfo2: arena %zu, in use %zu, free %zu, mapped %zu in %zu blocks", figures.arena,
		     figures.uordblks, figures.fordblks, figures.hblkhd, figures.hblks);
}

static void tune(struct random *random)
{
	static const struct {
		int param, value;
	} choices[] = {
		{ M_TRIM_THRESHOLD, 128 << 10 }, { M_TRIM_THRESHOLD, -1 }, { M_TRIM_THRESHOLD, 0 },
		{ M_TOP_PAD, 0 }, { M_TOP_PAD, 128 << 10 }, { M_TOP_PAD, 4 << 20 },
		{ M_MMAP_THRESHOLD, 128 << 10 }, { M_MMAP_THRESHOLD, 64 << 10 }, { M_MMAP_THRESHOLD, 2 << 20 },
		{ M_MMAP_MAX, 65536 }, { M_MMAP_MAX, 0 }, { M_MMAP_MAX, 3 },
		{ M_PERTURB, 0 }, { M_PERTURB, 0xa5 },
	};
	size_t at = random_below(random, sizeof choices / sizeof *choices);

	if (mallopt(choices[at].param, choices[at].value) != 1)
		fail("mallopt(%d, %d)", choices[at].param, choices[at].value);
}

int main(int argc, char **argv)
{
	long scale = stress_start("trim-storm", argc, argv);
	struct random random = random_of(1000);
	pthread_t churners[CHURNERS];

	for (uintptr_t i = 0; i < CHURNERS; i++)
		churners[i] = thread_start(churn, (void *)i);
	for (long round = 0; round < ROUNDS * scale / 100; round++) {
		malloc_trim(round % 4 == 0 ? 1 << 20 : 0);
		check_figures();
		if (round % 4 == 0)
			check_info();
		if (round % 8 == 0)
			tune(&random);
		usleep(500);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < CHURNERS; i++)
		pthread_join(churners[i], NULL);
	malloc_trim(0);
	check_figures();
	dprintf(STDOUT_FILENO, "trim-storm ok\n");
	return 0;
}
