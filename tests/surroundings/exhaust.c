/* A program that takes memory until there is none: NULL with ENOMEM and never an abort, nothing lost, and later
 * calls work. For `ulimit -v`, `ulimit -d` and strict overcommit.
 *
 * exhaust MB: under a limit set by the caller; at least MB must be had in small blocks, before and after half of that in
 * large ones.
 */
#include "surroundings.h"

struct block {
	struct block *next;
	size_t size;
};

static uint64_t state = 88172645463325252u;

static size_t small_size(void) { return sizeof(struct block) + next_random(&state) % 4000; }
static size_t large_size(void) { return (size_t)200000 + next_random(&state) % 1000000; }

static void fill(struct block *block) { memset(block + 1, (int)(block->size % 251), block->size - sizeof *block); }

static void check_filled(struct block *block)
{
	unsigned char *bytes = (unsigned char *)(block + 1);

	for (size_t i = 0; i < block->size - sizeof *block; i++)
		CHECK(bytes[i] == block->size % 251);
}

/* Adds blocks to the list until malloc refuses one; the bytes added. */
static size_t take_all(struct block **list, size_t (*size_of_next)(void))
{
	size_t bytes = 0;

	for (;;) {
		size_t size = size_of_next();
		errno = 0;
		struct block *block = malloc(size);
		if (!block)
			break;
		*block = (struct block){*list, size};
		fill(block);
		*list = block;
		bytes += size;
	}
	CHECK(errno == ENOMEM);
	return bytes;
}

/* Checks every block and frees one in `every`; the bytes freed. */
static size_t release(struct block **list, int every)
{
	size_t bytes = 0;
	int count = 0;

	for (struct block **link = list; *link;) {
		struct block *block = *link;
		check_filled(block);
		if (count++ % every == 0) {
			*link = block->next;
			bytes += block->size;
			free(block);
		} else {
			link = &block->next;
		}
	}
	return bytes;
}

static void refuse_other_ways(struct block *survivor)
{
	void *p = NULL;

	errno = 0;
	CHECK(!calloc(1 << 20, 1 << 10) && errno == ENOMEM);
	errno = 0;
	CHECK(!realloc(survivor, (size_t)1 << 30) && errno == ENOMEM);
	errno = 0;
	CHECK(!aligned_alloc(4096, (size_t)1 << 30) && errno == ENOMEM);
	CHECK(posix_memalign(&p, 64, (size_t)1 << 30) == ENOMEM);
	check_filled(survivor);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	size_t least = (size_t)atoi(argv[1]) << 20;
	struct block *list = NULL;

	size_t small = take_all(&list, small_size);
	printf("%zu MB had in small blocks\n", small >> 20);
	CHECK(small >= least);
	refuse_other_ways(list);
	size_t freed = release(&list, 2);
	size_t again = take_all(&list, small_size);
	printf("%zu MB freed, one block in two, then %zu MB had again\n", freed >> 20, again >> 20);
	CHECK(again >= freed * 6 / 10);
	release(&list, 1);
	CHECK(!list);

	size_t large = take_all(&list, large_size);
	printf("all freed, then %zu MB had in large blocks\n", large >> 20);
	CHECK(large >= least / 2);
	release(&list, 1);
	small = take_all(&list, small_size);
	printf("all freed, then %zu MB had in small blocks\n", small >> 20);
	CHECK(small >= least);
	release(&list, 1);
	return 0;
}
