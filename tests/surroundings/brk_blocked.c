/* The break cannot grow because a mapping lies right above the heap, as after an unlucky address layout or in a
 * static-PIE: mapped zones take over and nothing is noticed.
 *
 * brk_blocked free|start|later: not at all (for static-PIE, linked -lmalloc); before main; when there is a heap.
 */
#include "surroundings.h"
#include <malloc.h>
#include <sys/mman.h>

#define BLOCKS 40000
#define WALL_BYTES 65536

static unsigned char *wall;

/* A mapping as near above the break as the page size lets it be. */
static void build_wall(void)
{
	uintptr_t end = ((uintptr_t)sbrk(0) + 65535) & ~(uintptr_t)65535;

	wall = mmap((void *)end, WALL_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	CHECK(wall == (void *)end);
	memset(wall, 0x77, WALL_BYTES);
	CHECK(sbrk(1 << 20) == (void *)-1); /* the premise */
	errno = 0;
}

static void before_main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "start"))
		build_wall();
}
__attribute__((section(".preinit_array"), used)) static void (*preinit)(int, char **) = before_main;

static void fill(unsigned char **blocks, uint64_t seed)
{
	for (int i = 0; i < BLOCKS; i++) {
		size_t size = 16 + next_random(&seed) % (i % 50 ? 3000 : 250000);
		CHECK((blocks[i] = malloc(size)));
		memset(blocks[i], i % 251, size);
	}
}

static void check_and_free(unsigned char **blocks)
{
	for (int i = 0; i < BLOCKS; i++) {
		CHECK(blocks[i][0] == i % 251 && blocks[i][15] == i % 251);
		free(blocks[i]);
	}
}

int main(int argc, char **argv)
{
	static unsigned char *first[BLOCKS], *second[BLOCKS];

	CHECK(argc == 2);
	double before = rss_mb();
	fill(first, 1);
	if (!strcmp(argv[1], "later"))
		build_wall();
	for (int round = 0; round < 3; round++) {
		fill(second, (uint64_t)round + 2);
		double full = rss_mb() - before;
		check_and_free(second);
		malloc_trim(0);
		printf("round %d: RSS %.0f MB, %.0f MB after the newer half is freed\n", round, full,
		       rss_mb() - before);
	}
	check_and_free(first);
	malloc_trim(0);
	printf("all freed: %.1f MB more than before\n", rss_mb() - before);
	for (int i = 0; wall && i < WALL_BYTES; i++)
		CHECK(wall[i] == 0x77);
	return 0;
}
