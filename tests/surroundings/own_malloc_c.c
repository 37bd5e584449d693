/* The C library beside own_malloc.c: calls what the executable does not define, and frees with the executable's. */
#include "own_malloc.h"
#include "surroundings.h"
#include <malloc.h>
#include <pthread.h>

static _Thread_local int asked, given; /* requests aligned to more than 16 */

/* One aligned block: right, filled and freed; or cleanly refused where `served` allows it. */
static void use_aligned(char *p, int refusal, size_t alignment, size_t size, size_t served)
{
	asked += alignment > 16;
	if (!p) {
		CHECK(alignment > served);
		CHECK(refusal == ENOMEM);
		return;
	}
	given += alignment > 16;
	CHECK((uintptr_t)p % alignment == 0);
	memset(p, 0x5a, size);
	free(p);
}

static void use_alignments(size_t served)
{
	for (size_t alignment = sizeof(void *); alignment <= 1 << 16; alignment *= 2) {
		void *p = NULL;
		int refusal = posix_memalign(&p, alignment, 100);
		use_aligned(refusal ? NULL : p, refusal, alignment, 100, served);
		errno = 0;
		p = aligned_alloc(alignment, alignment * 3);
		use_aligned(p, errno, alignment, alignment * 3, served);
		errno = 0;
		p = memalign(alignment, 33);
		use_aligned(p, errno, alignment, 33, served);
	}
	errno = 0;
	char *p = valloc(10);
	use_aligned(p, errno, 4096, 10, served);
}

static void use_sizes(void)
{
	static const size_t sizes[] = {1, 24, 100, 4096, 300000};

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char *p = malloc(sizes[i]);
		size_t usable = malloc_usable_size(p);
		CHECK(usable <= own_malloc_room(p));
		memset(p, 0x5a, usable);
		p = reallocarray(p, 3, sizes[i]);
		CHECK(p);
		memset(p, 0x5a, 3 * sizes[i]);
		free(p);
	}
	errno = 0;
	CHECK(!reallocarray(NULL, SIZE_MAX / 2, 3) && errno == ENOMEM);
}

static void use_libc(void)
{
	char *line = NULL;
	size_t room = 0;
	FILE *file = fopen("/proc/self/status", "r");

	CHECK(file && getline(&line, &room, file) > 0);
	fclose(file);
	free(line);
	free(strdup("text"));
	free(strndup("text", 2));
	free(realpath("/proc", NULL));
	malloc_trim(0);
}

static void *use_all(void *served)
{
	for (int round = 0; round < 5; round++) {
		use_alignments((size_t)served);
		use_sizes();
		use_libc();
		own_malloc_cxx((size_t)served);
	}
	return NULL;
}

void own_malloc_run(size_t served)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, use_all, (void *)served) == 0);
	use_all((void *)served);
	pthread_join(thread, NULL);
	printf("alignments above 16: %d of %d requests served\n", given, asked);
}
