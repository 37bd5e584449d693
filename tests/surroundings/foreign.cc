// Blocks of libc's own allocator at addresses that were this library's, ended by every function that takes a block: the
// heap's end given back and taken by libc's sbrk, a mapping unmapped and mapped again by libc. What an address was does
// not matter, only whose it is.
//
// foreign heap: over the break.  foreign mappings: over unmapped blocks.  foreign threads: blocks of another arena, and
// libc's mappings beside a thread whose own blocks come, move, shrink and go.
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <new>
#include <pthread.h>

enum { THRESHOLD = 128 << 10, MOST = 400 };
enum { NOSYSCALL = 2, NORETRY = 4, DMA32 = 32 }; // LM_... of <libmalloc/flags.h>

struct libc {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*memalign)(size_t, size_t);
	int (*trim)(size_t);
	int (*mallopt)(int, int);
};

static struct libc libc;
static void *(*volatile array_realloc)(void *, size_t, size_t) = reallocarray; // gcc would warn of operator delete
static void (*sized_free)(void *, size_t);
static void (*aligned_sized_free)(void *, size_t, size_t);
static void (*old_free)(void *);
static void *(*lm_realloc)(void *, size_t, unsigned);
static void (*lm_kvfree)(void *);

template <typename T> static void find(T &function, void *library, const char *name)
{
	function = reinterpret_cast<T>(dlsym(library, name));
	CHECK(function);
}

static void find_all()
{
	void *library = dlopen("libc.so.6", RTLD_NOW);

	CHECK(library);
	find(libc.malloc, library, "__libc_malloc");
	find(libc.calloc, library, "__libc_calloc");
	find(libc.realloc, library, "__libc_realloc");
	find(libc.memalign, library, "__libc_memalign");
	find(libc.trim, library, "malloc_trim");
	find(libc.mallopt, library, "mallopt");
	find(sized_free, RTLD_DEFAULT, "free_sized");
	find(aligned_sized_free, RTLD_DEFAULT, "free_aligned_sized");
	find(old_free, RTLD_DEFAULT, "cfree");
	find(lm_realloc, RTLD_DEFAULT, "lm_realloc");
	find(lm_kvfree, RTLD_DEFAULT, "lm_kvfree");
	CHECK(libc.mallopt(M_MMAP_THRESHOLD, THRESHOLD) == 1); // it does not follow what is freed
}

struct block {
	char *begin;
	size_t bytes;
};

static char mark_of(struct block block) { return static_cast<char>(block.bytes * 7 + 1); }

static struct block filled(void *p, size_t bytes)
{
	struct block block = {static_cast<char *>(p), bytes};

	CHECK(p && malloc_usable_size(p) >= bytes);
	block.begin[0] = block.begin[bytes - 1] = mark_of(block);
	return block;
}

static struct block take(unsigned turn, size_t bytes)
{
	size_t alignment = static_cast<size_t>(32) << turn % 11;

	switch (turn % 4) {
	case 0: return filled(libc.malloc(bytes), bytes);
	case 1: return filled(libc.calloc(1, bytes), bytes);
	case 2: return filled(libc.realloc(nullptr, bytes), bytes);
	default: return filled(libc.memalign(alignment, bytes), bytes);
	}
}

static void resized(struct block block, void *p, size_t bytes)
{
	char *moved = static_cast<char *>(p);

	CHECK(moved && moved[0] == mark_of(block));
	CHECK(bytes < block.bytes || moved[block.bytes - 1] == mark_of(block));
	moved[bytes - 1] = 1;
	free(moved);
}

// With flags that libc's realloc does not know.
static void low(struct block block)
{
	errno = 0;
	CHECK(!lm_realloc(block.begin, block.bytes * 2, NOSYSCALL) && errno == EAGAIN);
	char *moved = static_cast<char *>(lm_realloc(block.begin, block.bytes * 2, DMA32));
	CHECK(moved && reinterpret_cast<uintptr_t>(moved) >> 32 == 0);
	resized(block, moved, block.bytes * 2);
}

static void end(unsigned turn, struct block block)
{
	void *p = block.begin;
	size_t bytes = block.bytes;
	const auto alignment = std::align_val_t(64);

	CHECK(block.begin[0] == mark_of(block) && block.begin[bytes - 1] == mark_of(block));
	CHECK(malloc_usable_size(p) >= bytes);
	switch (turn % 21) {
	case 0: free(p); break;
	case 1: resized(block, realloc(p, bytes * 2), bytes * 2); break;
	case 2: resized(block, realloc(p, bytes / 2 + 1), bytes / 2 + 1); break;
	case 3: CHECK(!realloc(p, 0)); break;
	case 4: resized(block, array_realloc(p, 3, bytes), 3 * bytes); break;
	case 5: sized_free(p, bytes); break;
	case 6: aligned_sized_free(p, 32, bytes); break;
	case 7: old_free(p); break;
	case 8: lm_kvfree(p); break;
	case 9: resized(block, lm_realloc(p, bytes * 3, 0), bytes * 3); break;
	case 10: resized(block, lm_realloc(p, bytes / 3 + 1, NORETRY), bytes / 3 + 1); break;
	case 11: ::operator delete(p); break;
	case 12: ::operator delete[](p); break;
	case 13: ::operator delete(p, bytes); break;
	case 14: ::operator delete[](p, bytes); break;
	case 15: ::operator delete(p, alignment); break;
	case 16: ::operator delete[](p, alignment); break;
	case 17: ::operator delete(p, bytes, alignment); break;
	case 18: ::operator delete(p, std::nothrow); break;
	case 19: low(block); break;
	default: ::operator delete(p, alignment, std::nothrow); break;
	}
}

static unsigned turns;
static struct block taken[MOST];

// Where this library's blocks were.
static struct block was[MOST];
static unsigned nwas;
static unsigned long reused;

static void count_reused(struct block block)
{
	for (unsigned i = 0; i < nwas; i++) {
		if (block.begin >= was[i].begin && block.begin < was[i].begin + was[i].bytes) {
			reused++;
			return;
		}
	}
}

static void take_and_end(unsigned count, const size_t *sizes, unsigned nsizes)
{
	for (unsigned i = 0; i < count; i++) {
		taken[i] = take(turns + i, sizes[(turns / 3 + i) % nsizes]);
		count_reused(taken[i]);
	}
	for (unsigned i = 0; i < count; i++)
		end(turns + i * 7, taken[i]);
	turns += count + 1;
}

static void over_the_heap()
{
	enum { BLOCKS = 5000, BYTES = 2000 };
	static const size_t sizes[] = {1, 24, 100, 1000, 1040, 5000, 20000, 60000, 120000};
	static char *ours[BLOCKS];

	for (int round = 0; round < 60; round++) {
		char *lowest = nullptr, *highest = nullptr;
		for (int i = 0; i < BLOCKS; i++) {
			ours[i] = static_cast<char *>(malloc(BYTES));
			memset(ours[i], round % 2 ? 0x31 : i, BYTES);
			lowest = !lowest || ours[i] < lowest ? ours[i] : lowest;
			highest = ours[i] > highest ? ours[i] : highest;
		}
		for (int i = 0; i < BLOCKS; i++)
			free(ours[i]);
		if (round % 3)
			malloc_trim(0);
		was[0] = {lowest, static_cast<size_t>(highest - lowest)};
		nwas = 1;
		take_and_end(MOST, sizes, sizeof sizes / sizeof sizes[0]);
		libc.trim(0);
	}
}

static void over_the_mappings()
{
	static const size_t sizes[] = {THRESHOLD, 200000, 300000, 1 << 20, 3 << 20, 8 << 20};

	for (int round = 0; round < 200; round++) {
		nwas = 12;
		for (unsigned i = 0; i < nwas; i++) {
			was[i].bytes = 150000 + (i * 700001 + static_cast<size_t>(round) * 90001) % (9 << 20);
			was[i].begin = static_cast<char *>(malloc(was[i].bytes));
			memset(was[i].begin, 0x31, 4096);
		}
		for (unsigned i = 0; i < nwas; i++)
			free(was[i].begin);
		if (round % 2)
			malloc_trim(0);
		take_and_end(12, sizes, sizeof sizes / sizeof sizes[0]);
	}
}

static volatile int stop;

// Blocks of this library that come, move, shrink and go beside those of libc.
static void *churn(void *unused)
{
	uint64_t random = 5;

	while (!stop) {
		char *block = static_cast<char *>(malloc(THRESHOLD + next_random(&random) % (4 << 20)));
		block = static_cast<char *>(realloc(block, THRESHOLD + next_random(&random) % (8 << 20)));
		block = static_cast<char *>(realloc(block, THRESHOLD + next_random(&random) % (1 << 20)));
		void *aligned = memalign(1 << 16, THRESHOLD + next_random(&random) % (1 << 20));
		free(block);
		free(aligned);
	}
	return unused;
}

static void *take_in_thread(void *unused)
{
	for (unsigned i = 0; i < MOST; i++)
		taken[i] = take(i, 1 + i * 300 % (2 * THRESHOLD));
	return unused;
}

static void *end_beside(void *unused)
{
	static const size_t sizes[] = {1, 100, 1000, 30000, THRESHOLD, 400000, 2 << 20};

	for (unsigned i = 0; i < 20000; i++)
		end(i, take(i * 3, sizes[i % 7]));
	return unused;
}

static void in_thread(void *(*function)(void *))
{
	pthread_t thread;

	CHECK(pthread_create(&thread, nullptr, function, nullptr) == 0);
	pthread_join(thread, nullptr);
}

static void with_threads()
{
	pthread_t churner;

	in_thread(take_in_thread);
	for (unsigned i = 0; i < MOST; i++)
		end(i * 3, taken[i]);
	CHECK(pthread_create(&churner, nullptr, churn, nullptr) == 0);
	in_thread(end_beside);
	stop = 1;
	pthread_join(churner, nullptr);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	find_all();
	if (!strcmp(argv[1], "threads")) {
		with_threads();
		return 0;
	}
	if (!strcmp(argv[1], "heap"))
		over_the_heap();
	else
		over_the_mappings();
	printf("%lu of %u blocks of libc's lay where this library's had been\n", reused, turns);
	CHECK(reused > turns / 20);
	return 0;
}
