/*
 * scale.c - whether the cost of a call grows with what the program has. One process is one point; rows name the x.
 *
 *      scale heap MIB          so many MiB live: half of them, up to 64 MiB, objects of 16 to 512 B, the rest blocks of
 *                              48 to 112 KiB of which one page is written, so that the large points stay affordable
 *      scale threads COUNT     so many threads, each with 200 objects of its own; the work is shared among them
 *      scale objects COUNT     so many live objects of 16 to 128 B
 *
 * time_ns is a random free and a malloc in its place, one in 64 of a large block at each x. It grows with the heap for
 * every allocator, since the object and its neighbours leave the processor's caches. pair_ns, a malloc and its free
 * while all of that is live, should not grow at all; nor build_ns and free_ns, the first malloc and the last free of
 * each object.
 */
#include "../lib/load.h"

#include <sys/mman.h>

enum {
	REPLACEMENTS = 1000000,
	PAIRS = 2000000,
	THREAD_WORK = 6000000,
	SLOTS = 200,
	KIB = 1024,
	MIB = 1024 * KIB,
	SMALL_LIMIT = 64 * MIB,
	LARGE_ONE_IN = 64,
	MEAN_SMALL = 264,
	PAGE = 4 * KIB
};

struct heap {
	struct tagged *objects;
	size_t count;
	size_t small; /* the first objects, which are small; 0: all are */
	size_t (*size)(struct heap *heap, size_t index);
	uint64_t random;
};

/* A table that the allocator under test does not see. */
static void *table_new(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	load_check(table != MAP_FAILED, "out of memory");
	return table;
}

static double ns_each(uint64_t begin_ns, size_t operations)
{
	return (double)(bench_now_ns() - begin_ns) / (double)operations;
}

static size_t small_size(uint64_t *random) { return 16 + load_below(random, 497); }

/* Only the first page of a large block is written. */
static size_t tagged_part(size_t bytes) { return bytes > PAGE ? KIB : bytes; }

static void object_new(struct heap *heap, size_t index)
{
	size_t bytes = heap->size(heap, index);
	void *block = load_alloc(bytes);
	tagged_write(block, tagged_part(bytes));
	heap->objects[index] = (struct tagged){block, bytes};
}

static void object_drop(struct heap *heap, size_t index)
{
	struct tagged *object = &heap->objects[index];
	tagged_check(object->block, tagged_part(object->bytes));
	free(object->block);
}

static double build_ns(struct heap *heap)
{
	heap->objects = table_new(heap->count * sizeof *heap->objects);
	heap->random = load_seed(0);
	uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < heap->count; i++)
		object_new(heap, i);
	return ns_each(begin, heap->count);
}

static size_t random_index(struct heap *heap)
{
	if (heap->small == 0)
		return load_below(&heap->random, heap->count);
	if (bench_random(&heap->random) % LARGE_ONE_IN != 0)
		return load_below(&heap->random, heap->small);
	return heap->small + load_below(&heap->random, heap->count - heap->small);
}

static double replace_ns(struct heap *heap)
{
	size_t replacements = load_work(REPLACEMENTS);
	uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < replacements; i++) {
		size_t index = random_index(heap);
		object_drop(heap, index);
		object_new(heap, index);
	}
	return ns_each(begin, replacements);
}

static double pair_ns(void)
{
	size_t pairs = load_work(PAIRS);
	uint64_t begin = bench_now_ns(), random = load_seed(2);
	for (size_t i = 0; i < pairs; i++) {
		void *block = load_alloc(16 + load_below(&random, 112));
		*(char *)block = 1;
		bench_use(block);
		free(block);
	}
	return ns_each(begin, pairs);
}

static double free_ns(struct heap *heap)
{
	uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < heap->count; i++)
		object_drop(heap, i);
	return ns_each(begin, heap->count);
}

static void report_heap(struct heap *heap)
{
	bench_report("build_ns", build_ns(heap));
	bench_report("time_ns", replace_ns(heap));
	bench_report("pair_ns", pair_ns());
	bench_report("free_ns", free_ns(heap));
}

/* Each object is replaced by one of its own kind, so that the heap keeps its size. */
static size_t heap_size(struct heap *heap, size_t index)
{
	return index < heap->small ? small_size(&heap->random) : 48 * KIB + load_below(&heap->random, 64 * KIB);
}

static void heap_point(size_t mib)
{
	size_t bytes = mib * MIB, small = bytes / 2 < SMALL_LIMIT ? bytes / 2 : SMALL_LIMIT;
	struct heap heap = {.size = heap_size, .small = small / MEAN_SMALL};
	heap.count = heap.small + (bytes - small) / (80 * KIB);
	report_heap(&heap);
}

static size_t object_size(struct heap *heap, size_t index)
{
	(void)index;
	return 16 + load_below(&heap->random, 113);
}

static void objects_point(size_t count)
{
	struct heap heap = {.size = object_size, .count = count};
	report_heap(&heap);
}

static size_t thread_work;

static void *replace_own(void *argument)
{
	struct tagged slots[SLOTS] = {0};
	uint64_t random = load_seed((int)(intptr_t)argument);
	for (size_t i = 0; i < thread_work; i++) {
		struct tagged *slot = &slots[load_below(&random, SLOTS)];
		tagged_drop(slot);
		*slot = tagged_new(small_size(&random));
	}
	for (int i = 0; i < SLOTS; i++)
		tagged_drop(&slots[i]);
	return NULL;
}

static void threads_point(size_t threads)
{
	thread_work = load_work(THREAD_WORK) / threads;
	uint64_t begin = bench_now_ns();
	load_threads((int)threads, replace_own);
	bench_report("time_ns", ns_each(begin, thread_work * threads));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t x = (size_t)load_argument(argc, argv, 2, 1);
	if (strcmp(what, "heap") == 0)
		heap_point(x);
	else if (strcmp(what, "threads") == 0)
		threads_point(x);
	else if (strcmp(what, "objects") == 0)
		objects_point(x);
	else
		return 2;
	bench_report_peak();
	return 0;
}
