/* The C library beside own_malloc.c: calls what the executable does not define, and frees with the executable's. */
#include "own_malloc.h"
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

static void use_aligned(char *p, size_t alignment, size_t size)
{
	CHECK(p && (uintptr_t)p % alignment == 0);
	CHECK(malloc_usable_size(p) >= size);
	memset(p, 0x5a, size);
	own_malloc_end_aligned(p);
}

static void use_alignments(void)
{
	for (size_t alignment = sizeof(void *); alignment <= 1 << 16; alignment *= 2) {
		for (size_t size = 1; size < 1000000; size *= 10) {
			void *p = NULL;
			CHECK(posix_memalign(&p, alignment, size) == 0);
			use_aligned(p, alignment, size);
			use_aligned(aligned_alloc(alignment, alignment * 3), alignment, alignment * 3);
			use_aligned(memalign(alignment, size), alignment, size);
		}
	}
	use_aligned(valloc(10), 4096, 10);
	use_aligned(pvalloc(10), 4096, 4096);
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
	CHECK(asprintf(&line, "%0500d", 7) == 500);
	free(line);
	free(strndup("text", 2));
	free(realpath("/proc", NULL));
	malloc_trim(0);
}

enum { ZERO = 1, NOSYSCALL = 2, NOFAIL = 8, DMA32 = 32, COLD = 64 }; /* LM_... of <libmalloc/flags.h> */

/* A block of the executable's in the hands of lm_realloc and lm_kvfree: it stays the executable's. */
static void use_theirs(void *(*lm_realloc)(void *, size_t, unsigned), void (*lm_kvfree)(void *))
{
	static const unsigned served[] = {0, ZERO, NOFAIL, COLD};
	char *p = memset(malloc(100), 7, 100);

	for (size_t i = 0; i < sizeof served / sizeof served[0]; i++) {
		unsigned long before = own_malloc_calls();
		p = lm_realloc(p, 1000 << i, served[i]);
		CHECK(p && p[99] == 7 && own_malloc_room(p) >= 1000u << i);
		CHECK(own_malloc_calls() > before || own_malloc_frees_aligned);
	}
	if (malloc_usable_size(p) == 0) { /* not known to the library: it cannot know better */
		errno = 0;
		CHECK(!lm_realloc(p, 100000, NOSYSCALL) && errno == EAGAIN);
	}
	CHECK(p[99] == 7);
	p = lm_realloc(p, 100000, DMA32 | NOFAIL);
	CHECK(p && p[99] == 7 && (uintptr_t)p >> 32 == 0);
	lm_kvfree(p);
	lm_kvfree(NULL);
}

/* The functions beyond malloc's, where they are there, have their own heap behind any malloc. */
static void use_library(void)
{
	void *(*lm_malloc)(size_t, unsigned) = (void *(*)(size_t, unsigned))dlsym(RTLD_DEFAULT, "lm_malloc");
	void *(*lm_aligned)(size_t, size_t, unsigned) =
		(void *(*)(size_t, size_t, unsigned))dlsym(RTLD_DEFAULT, "lm_aligned");
	void *(*lm_realloc)(void *, size_t, unsigned) =
		(void *(*)(void *, size_t, unsigned))dlsym(RTLD_DEFAULT, "lm_realloc");
	void (*lm_kvfree)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "lm_kvfree");

	for (size_t size = 1; lm_malloc && size < 1000000; size *= 7) {
		unsigned long before = own_malloc_calls();
		char *p = lm_malloc(size, ZERO);
		CHECK(p && p[size - 1] == 0);
		p = lm_realloc(p, size * 2, 0);
		p = lm_realloc(p, size * 3, NOFAIL);
		CHECK(p && p[size - 1] == 0);
		lm_kvfree(p);
		p = lm_aligned(256, size, 0);
		CHECK(p && (uintptr_t)p % 256 == 0);
		lm_kvfree(p);
		p = lm_malloc(size, DMA32);
		CHECK(!p || (uintptr_t)p >> 32 == 0);
		lm_kvfree(p);
		CHECK(own_malloc_calls() == before);
	}
	if (lm_realloc)
		use_theirs(lm_realloc, lm_kvfree);
}

static void *use_all(void *unused)
{
	for (int round = 0; round < 5; round++) {
		use_alignments();
		use_sizes();
		use_libc();
		own_malloc_cxx();
	}
	return unused;
}

void own_malloc_run(void)
{
	pthread_t thread;

	use_library(); /* alone: it counts the executable's calls */
	CHECK(pthread_create(&thread, NULL, use_all, NULL) == 0);
	use_all(NULL);
	pthread_join(thread, NULL);
}
