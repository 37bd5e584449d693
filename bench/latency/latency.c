/*
 * latency.c - how long single calls of malloc and free take, as histograms: half, 99 %, 99.9 % of them stay below what
 * is reported, and the longest.
 *
 *      latency churn [threads, 1]  random replacement of 16 B to 1 KiB, one in 256 up to 64 KiB, 100,000 live a thread
 *      latency start               the calls of threads that have just begun; "first" is a thread's first malloc
 *      latency release BYTES [random]
 *                                  churn in one thread while another frees 2 GB (quick: 512 MB) of blocks of BYTES,
 *                                  in order or at random: "what does a release cost those who do not release?"
 *
 * The longest calls hold what the kernel does besides: interrupts, other processes, page faults. time_ns is the mean
 * of malloc and free together.
 */
#include "../lib/histogram.h"
#include "../lib/load.h"
#include "../lib/ticks.h"

#include <stdatomic.h>
#include <sys/mman.h>

enum { LIVE = 100000, OPERATIONS = 2000000, STARTS = 4000, START_CALLS = 64, KIB = 1024 };

static const size_t release_bytes = (size_t)2 << 30;

struct times {
	struct histogram malloc, free, first;
};

static struct ticks ticks;
static struct times all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool released;

static size_t random_size(uint64_t *random)
{
	uint32_t bits = bench_random(random);
	return bits % 256 == 0 ? 1 + (bits >> 8) % (64 * KIB) : 16 + (bits >> 8) % (KIB - 15);
}

static struct tagged timed_new(struct histogram *histogram, size_t bytes)
{
	uint64_t begin = ticks_now();
	void *block = malloc(bytes);
	uint64_t end = ticks_now();
	load_check(block != NULL, "out of memory");
	histogram_record(histogram, ticks_between_ns(&ticks, begin, end));
	tagged_write(block, bytes);
	return (struct tagged){block, bytes};
}

static void timed_drop(struct histogram *histogram, struct tagged *tagged)
{
	tagged_check(tagged->block, tagged->bytes);
	uint64_t begin = ticks_now();
	free(tagged->block);
	uint64_t end = ticks_now();
	histogram_record(histogram, ticks_between_ns(&ticks, begin, end));
	tagged->block = NULL;
}

static void times_add(const struct times *times)
{
	pthread_mutex_lock(&all_lock);
	histogram_add(&all.malloc, &times->malloc);
	histogram_add(&all.free, &times->free);
	histogram_add(&all.first, &times->first);
	pthread_mutex_unlock(&all_lock);
}

/* Memory for the program's own tables, written: no call of the allocator under test, no page fault later. */
static void *table_new(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	load_check(table != MAP_FAILED, "out of memory");
	return table;
}

static void replace_one(struct tagged *slots, struct times *times, uint64_t *random)
{
	struct tagged *slot = &slots[load_below(random, LIVE)];
	size_t bytes = random_size(random);
	timed_drop(&times->free, slot);
	*slot = timed_new(&times->malloc, bytes);
}

static struct tagged *slots_filled(uint64_t *random)
{
	struct tagged *slots = table_new(LIVE * sizeof *slots);
	for (int i = 0; i < LIVE; i++)
		slots[i] = tagged_new(random_size(random));
	return slots;
}

static void *churn(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct times *times = table_new(sizeof *times);
	struct tagged *slots = slots_filled(&random);
	size_t operations = load_work(OPERATIONS);
	for (size_t i = 0; i < operations; i++)
		replace_one(slots, times, &random);
	times_add(times);
	return NULL;
}

static void *short_life(void *argument)
{
	struct times *times = argument;
	struct tagged blocks[START_CALLS];
	uint64_t random = load_seed((int)times->malloc.total);
	blocks[0] = timed_new(&times->first, 16);
	for (int i = 1; i < START_CALLS; i++)
		blocks[i] = timed_new(&times->malloc, random_size(&random));
	for (int i = 0; i < START_CALLS; i++)
		timed_drop(&times->free, &blocks[i]);
	return NULL;
}

static void start(void)
{
	size_t starts = load_work(STARTS);
	for (size_t i = 0; i < starts; i++)
		pthread_join(load_thread(short_life, &all), NULL);
	histogram_report(&all.first, "first");
}

/* The blocks to be released, written at each page and at both ends. */
struct hoard {
	void **blocks;
	size_t count;
	size_t bytes;
};

static void hoard_fill(struct hoard *hoard, size_t bytes, bool shuffled)
{
	uint64_t random = load_seed(1);
	hoard->count = load_work(release_bytes) / bytes;
	hoard->bytes = bytes;
	hoard->blocks = table_new(hoard->count * sizeof *hoard->blocks);
	for (size_t i = 0; i < hoard->count; i++) {
		char *block = load_alloc(bytes);
		for (size_t at = 0; at < bytes; at += 4 * KIB)
			block[at] = 1;
		tagged_write(block, bytes);
		hoard->blocks[i] = block;
	}
	for (size_t i = hoard->count; shuffled && i > 1; i--) {
		size_t other = load_below(&random, i);
		void *kept = hoard->blocks[i - 1];
		hoard->blocks[i - 1] = hoard->blocks[other];
		hoard->blocks[other] = kept;
	}
}

static void *release_all(void *argument)
{
	struct hoard *hoard = argument;
	uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < hoard->count; i++)
		tagged_free(hoard->blocks[i], hoard->bytes);
	bench_report("release_ms", (double)(bench_now_ns() - begin) / 1e6);
	atomic_store_explicit(&released, true, memory_order_release);
	return NULL;
}

static void release(size_t bytes, bool shuffled)
{
	struct hoard hoard;
	uint64_t random = load_seed(0);
	struct tagged *slots = slots_filled(&random);
	hoard_fill(&hoard, bytes, shuffled);
	for (size_t i = 0; i < LIVE; i++) {
		tagged_drop(&slots[i]);
		slots[i] = tagged_new(random_size(&random));
	}
	pthread_t thread = load_thread(release_all, &hoard);
	do
		replace_one(slots, &all, &random);
	while (!atomic_load_explicit(&released, memory_order_acquire));
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	ticks = ticks_calibrate();
	if (strcmp(what, "churn") == 0)
		load_threads(load_argument(argc, argv, 2, 1), churn);
	else if (strcmp(what, "start") == 0)
		start();
	else if (strcmp(what, "release") == 0)
		release((size_t)load_argument(argc, argv, 2, KIB), argc > 3);
	else
		return 2;
	histogram_report(&all.malloc, "malloc");
	histogram_report(&all.free, "free");
	bench_report("time_ns", (double)(all.malloc.sum + all.free.sum) / (double)all.malloc.total);
	bench_report_peak();
	return 0;
}
