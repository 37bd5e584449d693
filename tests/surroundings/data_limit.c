/* RLIMIT_DATA (getrlimit(2)). With a soft limit of 0 the kernel refuses brk but still maps: the heap must live in
 * mappings without the program noticing. With a small limit it refuses both: NULL and ENOMEM.
 *
 * data_limit start: the caller has set the soft limit to 0.  data_limit later: this program does, when it has a heap.
 */
#include "surroundings.h"
#include <pthread.h>
#include <sys/resource.h>

#define BLOCKS 20000

static void set_limit(rlim_t soft)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_DATA, &limit) == 0);
	limit.rlim_cur = soft;
	CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
}

static void fill(unsigned char **blocks, uint64_t seed)
{
	for (int i = 0; i < BLOCKS; i++) {
		size_t size = 16 + next_random(&seed) % (i % 100 ? 2000 : 200000);
		blocks[i] = malloc(size);
		CHECK(blocks[i]);
		memset(blocks[i], i % 251, size);
	}
}

static void check_and_free(unsigned char **blocks)
{
	for (int i = 0; i < BLOCKS; i++) {
		CHECK(blocks[i][0] == i % 251 && blocks[i][15] == i % 251);
		if (i % 3 == 0)
			CHECK((blocks[i] = realloc(blocks[i], 3000)) && blocks[i][15] == i % 251);
		free(blocks[i]);
	}
}

static void *work(void *seed)
{
	unsigned char **blocks = calloc(BLOCKS, sizeof *blocks);

	CHECK(blocks);
	for (int round = 0; round < 3; round++) {
		fill(blocks, (uintptr_t)seed + 1);
		check_and_free(blocks);
	}
	free(blocks);
	return NULL;
}

static void work_in_threads(void)
{
	pthread_t threads[4];

	for (uintptr_t i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	work((void *)9);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* A limit just above what is in use: memory ends, nothing else does. */
static void run_dry(void)
{
	static void *taken[100000];
	int count = 0;

	set_limit((rlim_t)(proc_kib("/proc/self/status", "VmData:") + 4096) << 10);
	do {
		CHECK(count < 100000);
		errno = 0;
	} while ((taken[count++] = malloc(10000)));
	CHECK(errno == ENOMEM);
	printf("%d blocks of 10 kB had with RLIMIT_DATA 4 MB above what is used\n", --count);
	while (count)
		free(taken[--count]);
	CHECK((taken[0] = malloc(10000)));
	free(taken[0]);
	set_limit(RLIM_INFINITY);
	work((void *)3);
}

int main(int argc, char **argv)
{
	static unsigned char *heap[BLOCKS];

	CHECK(argc == 2);
	if (!strcmp(argv[1], "later")) {
		fill(heap, 5);
		set_limit(0);
		CHECK(sbrk(64 << 20) == (void *)-1); /* the premise */
		work_in_threads();
		check_and_free(heap);
		work_in_threads();
		run_dry();
	} else {
		CHECK(sbrk(64 << 20) == (void *)-1);
		work_in_threads();
	}
	return 0;
}
