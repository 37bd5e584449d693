/*
 * sweep.c - one point of the sweep: one pattern of calls on one size, again and again in each thread, timed.
 *
 *      sweep PATTERN [LEAST-]MOST BATCH THREADS TOUCH SECONDS
 *
 *      lifo      BATCH blocks of MOST bytes allocated, freed in reverse order
 *      fifo      freed in the order of allocation
 *      random    freed in random order
 *      calloc    as lifo, by calloc
 *      replace   BATCH blocks live: one of them, chosen at random, is freed and another allocated
 *      mixed     the same with sizes chosen at random from LEAST to MOST
 *      grow      BATCH blocks side by side grown by realloc from LEAST to MOST, by half each time, then freed
 *      double    the same, doubled each time
 *      toggle    BATCH blocks made MOST and LEAST bytes large in turns, by realloc
 *
 * An operation is one block allocated and freed, or one realloc. TOUCH says how many bytes of each new block are
 * written, and of the part that a realloc added; 0 is all of them.
 *
 * Each thread first works for a quarter of SECONDS, and BATCH operations at least, without being timed. Then all begin
 * together. So page faults that only the growth of the heap needs are not counted. Those that come again with each
 * batch are.
 *
 *      time_ns            wall time of an operation: how long the threads together need for one
 *      cpu_ns             processor time of an operation
 *      faults_per_1000    page faults in 1000 operations
 *      rss_kib, end_kib   the resident set at its peak, and with all blocks freed and all threads ended
 *
 * One thread is the program's first, as in most programs. The program's own tables are mapped apart, and are no part of the resident sets.
 */
#define _GNU_SOURCE
#include "../lib/load.h"

#include <sys/mman.h>
#include <sys/resource.h>

enum { WARM_UP_PART = 4, CLOCK_EVERY_NS = 50000, REPLACEMENTS = 64 };

struct worker;

static struct {
	size_t (*pass)(struct worker *); /* does the pattern once; returns how many operations it made */
	size_t least, most, batch, touch;
	int threads;
	uint64_t time_ns;
} point;

/* One thread's blocks, and the figures of its timed part. */
struct worker {
	void **blocks;   /* [batch]; NULL where none is live */
	uint32_t *order; /* a permutation of [0, batch) */
	uint64_t random;
	size_t operations;
	uint64_t wall_ns, cpu_ns;
	long faults;
};

static struct worker workers[LOAD_MAX_THREADS];
static pthread_barrier_t all_warm;
static size_t tables_kib;

static void *table_new(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	load_check(table != MAP_FAILED, "out of memory");
	tables_kib += (bytes + 4095) / 4096 * 4;
	return table;
}

/* Writes what is to be written of `bytes` new ones. */
static inline void *touched(void *bytes_begin, size_t bytes)
{
	load_check(bytes_begin != NULL, "out of memory");
	memset(bytes_begin, 0x5a, bytes < point.touch ? bytes : point.touch);
	bench_use(bytes_begin);
	return bytes_begin;
}

static inline void *block_new(size_t bytes) { return touched(malloc(bytes), bytes); }

static void allocate_all(struct worker *worker)
{
	for (size_t i = 0; i < point.batch; i++)
		worker->blocks[i] = block_new(point.most);
}

static void free_all(struct worker *worker)
{
	for (size_t i = point.batch; i-- > 0;) {
		free(worker->blocks[i]);
		worker->blocks[i] = NULL;
	}
}

static size_t pass_lifo(struct worker *worker)
{
	allocate_all(worker);
	free_all(worker);
	return point.batch;
}

static size_t pass_calloc(struct worker *worker)
{
	for (size_t i = 0; i < point.batch; i++)
		worker->blocks[i] = touched(calloc(1, point.most), point.most);
	free_all(worker);
	return point.batch;
}

static size_t pass_fifo(struct worker *worker)
{
	allocate_all(worker);
	for (size_t i = 0; i < point.batch; i++) {
		free(worker->blocks[i]);
		worker->blocks[i] = NULL;
	}
	return point.batch;
}

static size_t pass_random(struct worker *worker)
{
	allocate_all(worker);
	for (size_t i = 0; i < point.batch; i++) {
		void **block = &worker->blocks[worker->order[i]];
		free(*block);
		*block = NULL;
	}
	return point.batch;
}

static void *block_of_random_size(struct worker *worker)
{
	return block_new(point.least + load_below(&worker->random, point.most - point.least + 1));
}

/* The first pass of all also fills the table. */
static size_t pass_replace(struct worker *worker)
{
	for (size_t i = 0; i < point.batch && worker->blocks[i] == NULL; i++)
		worker->blocks[i] = block_of_random_size(worker);
	for (int i = 0; i < REPLACEMENTS; i++) {
		void **block = &worker->blocks[load_below(&worker->random, point.batch)];
		free(*block);
		*block = block_of_random_size(worker);
	}
	return REPLACEMENTS;
}

static void resize_all(struct worker *worker, size_t from, size_t to)
{
	for (size_t i = 0; i < point.batch; i++) {
		char *block = realloc(worker->blocks[i], to);
		load_check(block != NULL, "out of memory");
		if (to > from)
			touched(block + from, to - from);
		worker->blocks[i] = block;
	}
}

/* Each size is `halves` / 2 of the one before. */
static size_t grow_all(struct worker *worker, size_t halves)
{
	size_t steps = 0, from = 0;
	for (size_t to = point.least; from < point.most; steps++) {
		resize_all(worker, from, to);
		from = to;
		to = to == 1 ? 2 : to * halves / 2;
		to = to < point.most ? to : point.most;
	}
	free_all(worker);
	return steps * point.batch;
}

static size_t pass_grow(struct worker *worker) { return grow_all(worker, 3); }
static size_t pass_double(struct worker *worker) { return grow_all(worker, 4); }

static size_t pass_toggle(struct worker *worker)
{
	resize_all(worker, point.least, point.most);
	resize_all(worker, point.most, point.least);
	return 2 * point.batch;
}

static const struct pattern {
	const char *name;
	size_t (*pass)(struct worker *);
} patterns[] = {
	{"lifo", pass_lifo}, {"fifo", pass_fifo}, {"random", pass_random}, {"calloc", pass_calloc},
	{"replace", pass_replace}, {"mixed", pass_replace}, {"grow", pass_grow}, {"double", pass_double},
	{"toggle", pass_toggle},
};

enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

static uint64_t thread_cpu_ns(void)
{
	struct timespec used;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static long thread_faults(void)
{
	struct rusage use;
	getrusage(RUSAGE_THREAD, &use);
	return use.ru_minflt;
}

static size_t make_passes(struct worker *worker, size_t passes)
{
	size_t operations = 0;
	for (size_t i = 0; i < passes; i++)
		operations += point.pass(worker);
	return operations;
}

/* Returns how many passes go between two readings of the clock, so that the clock costs nothing. */
static size_t warm_up(struct worker *worker)
{
	uint64_t begin = bench_now_ns(), last = begin, now;
	size_t passes = 1, operations = 0;
	do {
		operations += make_passes(worker, passes);
		now = bench_now_ns();
		if (now - last < CLOCK_EVERY_NS)
			passes *= 2;
		last = now;
	} while (now - begin < point.time_ns / WARM_UP_PART || operations < point.batch);
	return passes;
}

static void measure(struct worker *worker, size_t passes)
{
	long faults = thread_faults();
	uint64_t cpu_ns = thread_cpu_ns(), begin = bench_now_ns();
	do {
		worker->operations += make_passes(worker, passes);
		worker->wall_ns = bench_now_ns() - begin;
	} while (worker->wall_ns < point.time_ns);
	worker->cpu_ns = thread_cpu_ns() - cpu_ns;
	worker->faults = thread_faults() - faults;
}

static void *work(void *argument)
{
	struct worker *worker = &workers[(intptr_t)argument];
	size_t passes = warm_up(worker);
	pthread_barrier_wait(&all_warm);
	measure(worker, passes);
	free_all(worker);
	return NULL;
}

static void prepare(struct worker *worker, int number)
{
	worker->random = load_seed(number);
	worker->blocks = table_new(point.batch * sizeof *worker->blocks);
	worker->order = table_new(point.batch * sizeof *worker->order);
	for (size_t i = 0; i < point.batch; i++) {
		size_t other = load_below(&worker->random, i + 1);
		worker->order[i] = worker->order[other];
		worker->order[other] = (uint32_t)i;
	}
}

static void report(void)
{
	size_t end_kib = bench_rss_kib() - tables_kib, peak_kib = bench_peak_kib() - tables_kib, operations = 0;
	double per_ns = 0, cpu_ns = 0, faults = 0;
	for (int i = 0; i < point.threads; i++) {
		const struct worker *worker = &workers[i];
		per_ns += (double)worker->operations / (double)worker->wall_ns;
		operations += worker->operations;
		cpu_ns += (double)worker->cpu_ns;
		faults += (double)worker->faults;
	}
	bench_report("time_ns", 1 / per_ns);
	bench_report("cpu_ns", cpu_ns / (double)operations);
	bench_report("faults_per_1000", faults * 1000 / (double)operations);
	/* The peak is a sum of per-CPU counts that lag behind. */
	bench_report("rss_kib", (double)(peak_kib > end_kib ? peak_kib : end_kib));
	bench_report("end_kib", (double)end_kib);
}

static bool read_arguments(char **argv)
{
	char *rest;
	for (int i = 0; i < PATTERNS; i++)
		if (strcmp(argv[1], patterns[i].name) == 0)
			point.pass = patterns[i].pass;
	point.least = point.most = strtoul(argv[2], &rest, 10);
	if (*rest == '-')
		point.most = strtoul(rest + 1, &rest, 10);
	point.batch = strtoul(argv[3], NULL, 10);
	point.threads = atoi(argv[4]);
	point.touch = strtoul(argv[5], NULL, 10);
	if (point.touch == 0)
		point.touch = SIZE_MAX;
	point.time_ns = load_work((size_t)(strtod(argv[6], NULL) * 1e9));
	return point.pass != NULL && *rest == '\0' && 0 < point.least && point.least <= point.most && 0 < point.batch &&
	       0 < point.threads && point.threads <= LOAD_MAX_THREADS;
}

int main(int argc, char **argv)
{
	if (argc != 7 || !read_arguments(argv))
		return 2;
	pthread_barrier_init(&all_warm, NULL, (unsigned)point.threads);
	for (int i = 0; i < point.threads; i++)
		prepare(&workers[i], i);
	if (point.threads == 1)
		work(0);
	else
		load_threads(point.threads, work);
	report();
	return 0;
}
