/*
 * phases.c - the resident set against the bytes that are live, step by step through the phases of a program's life:
 *
 *      growth    to 256 MB live (quick: 64 MB)
 *      churn     twice as many bytes replaced at random
 *      drop      95 % of the objects freed, chosen at random
 *      idle      no call at all for two seconds (quick: half a second)
 *      regrowth  back to the first amount; with "drift", in larger sizes
 *      end       all freed, then idle
 *
 *      phases small|mixed|drift [threads, 1]
 *
 * small: 16 to 256 B; mixed: 16 B to 256 KiB, density with the inverse square of the size; drift: 16 to 64 B, after the
 * drop 80 to 400 B, so that what was freed cannot be used again for the same sizes. Objects are written as a whole.
 * The program's own tables are mapped apart and not counted.
 *
 * Each step is a point of the curves live_mib and rss_mib; its x is the step's number, idle steps included. "overhead"
 * is the area below the one over the area below the other; time_ns is per operation.
 */
#include "../lib/load.h"

#include <sys/mman.h>

enum { STEPS = 16, IDLE_STEPS = 10, IDLE_MS = 2000, DROP_ONE_KEPT_IN = 20, CHURN_ROUNDS = 2, SIZES = 4096 };

static const size_t target_bytes = (size_t)256 << 20;

enum phase { PHASE_GROWTH, PHASE_CHURN, PHASE_DROP, PHASE_IDLE, PHASE_REGROWTH, PHASE_END, PHASE_IDLE_AFTER };

static const char *const phase_names[] = {"growth", "churn", "drop", "idle", "regrowth", "end", "idle_after"};

/* What one thread holds: slots [0, used); empty ones have no block. Read by others between steps only. */
struct holder {
	struct tagged *slots;
	size_t used, live_bytes, operations;
	uint64_t random;
};

static struct holder holders[LOAD_MAX_THREADS];
static int threads;
static size_t slots_each, target_each, tables_kib;
static uint32_t sizes[2][SIZES]; /* quantiles: before the drop, after it */
static pthread_barrier_t step_begins, step_ends;

/* What the step that runs now does; written while all threads wait at step_begins. */
static struct {
	enum phase phase;
	int number;
	bool over;
} step;

/* Sums over all samples. */
static struct {
	size_t live_kib, rss_kib;
} area;

static void *table_new(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	load_check(table != MAP_FAILED, "out of memory");
	tables_kib += (bytes + 1023) / 1024;
	return table;
}

static void hold(struct holder *holder, struct tagged *slot)
{
	size_t bytes = sizes[step.phase >= PHASE_REGROWTH][load_below(&holder->random, SIZES)];
	void *block = memset(load_alloc(bytes), 0x5a, bytes);
	tagged_write(block, bytes);
	*slot = (struct tagged){block, bytes};
	holder->live_bytes += bytes;
	holder->operations++;
}

static void drop(struct holder *holder, struct tagged *slot)
{
	if (slot->block != NULL)
		holder->live_bytes -= slot->bytes;
	tagged_drop(slot);
}

static void grow(struct holder *holder, size_t to_bytes)
{
	for (size_t i = 0; i < holder->used && holder->live_bytes < to_bytes; i++)
		if (holder->slots[i].block == NULL)
			hold(holder, &holder->slots[i]);
	while (holder->live_bytes < to_bytes) {
		load_check(holder->used < slots_each, "the table is full");
		hold(holder, &holder->slots[holder->used++]);
	}
}

static void churn(struct holder *holder)
{
	for (size_t i = holder->used * CHURN_ROUNDS / STEPS; i > 0; i--) {
		struct tagged *slot = &holder->slots[load_below(&holder->random, holder->used)];
		drop(holder, slot);
		hold(holder, slot);
	}
}

/* One in `keep_one_in` of the step's share of the slots survives; 0: none. */
static void thin_out(struct holder *holder, size_t keep_one_in)
{
	size_t end = holder->used * (size_t)(step.number + 1) / STEPS;
	for (size_t i = holder->used * (size_t)step.number / STEPS; i < end; i++)
		if (keep_one_in == 0 || load_below(&holder->random, keep_one_in) != 0)
			drop(holder, &holder->slots[i]);
}

static void do_step(struct holder *holder)
{
	if (step.phase == PHASE_GROWTH || step.phase == PHASE_REGROWTH)
		grow(holder, target_each / STEPS * (size_t)(step.number + 1));
	else if (step.phase == PHASE_CHURN)
		churn(holder);
	else if (step.phase == PHASE_DROP)
		thin_out(holder, DROP_ONE_KEPT_IN);
	else if (step.phase == PHASE_END)
		thin_out(holder, 0);
}

static void *work(void *argument)
{
	for (;;) {
		pthread_barrier_wait(&step_begins);
		if (step.over)
			return NULL;
		do_step(argument);
		pthread_barrier_wait(&step_ends);
	}
}

static size_t own_rss_kib(void) { return bench_rss_kib() - tables_kib; }

static size_t live_kib(void)
{
	size_t bytes = 0;
	for (int i = 0; i < threads; i++)
		bytes += holders[i].live_bytes;
	return bytes / 1024;
}

static void sample(void)
{
	static int number;
	size_t live = live_kib(), rss = own_rss_kib();
	area.live_kib += live;
	area.rss_kib += rss;
	bench_line("bench: point live_mib %d %.2f\n", number, (double)live / 1024);
	bench_line("bench: point rss_mib %d %.2f\n", number, (double)rss / 1024);
	number++;
}

/* Returns the time of the steps themselves. */
static uint64_t run_phase(enum phase phase)
{
	bool idle = phase == PHASE_IDLE || phase == PHASE_IDLE_AFTER;
	char metric[40];
	uint64_t spent = 0;
	step.phase = phase;
	for (step.number = 0; step.number < (idle ? IDLE_STEPS : STEPS); step.number++) {
		uint64_t begin = bench_now_ns();
		if (idle) {
			usleep((useconds_t)load_work(IDLE_MS) * 1000 / IDLE_STEPS);
		} else {
			pthread_barrier_wait(&step_begins);
			pthread_barrier_wait(&step_ends);
			spent += bench_now_ns() - begin;
		}
		sample();
	}
	snprintf(metric, sizeof metric, "rss_mib_%s", phase_names[phase]);
	bench_report(metric, (double)own_rss_kib() / 1024);
	return spent;
}

static void fill_sizes(uint32_t *table, double least, double most, bool inverse)
{
	for (int i = 0; i < SIZES; i++) {
		double part = (i + 0.5) / SIZES;
		table[i] = (uint32_t)(inverse ? least / (1 - part * (1 - least / most)) : least + part * (most - least + 1));
	}
}

static bool choose_sizes(const char *name)
{
	if (strcmp(name, "small") == 0)
		fill_sizes(sizes[0], 16, 256, false);
	else if (strcmp(name, "mixed") == 0)
		fill_sizes(sizes[0], 16, 256 * 1024, true);
	else if (strcmp(name, "drift") == 0)
		fill_sizes(sizes[0], 16, 64, false);
	else
		return false;
	memcpy(sizes[1], sizes[0], sizeof sizes[1]);
	if (strcmp(name, "drift") == 0)
		fill_sizes(sizes[1], 80, 400, false);
	return true;
}

static size_t mean_size(void)
{
	size_t sum = 0;
	for (int i = 0; i < SIZES; i++)
		sum += sizes[0][i];
	return sum / SIZES;
}

static void start_threads(pthread_t *all)
{
	pthread_barrier_init(&step_begins, NULL, (unsigned)threads + 1);
	pthread_barrier_init(&step_ends, NULL, (unsigned)threads + 1);
	for (int i = 0; i < threads; i++) {
		holders[i].random = load_seed(i);
		holders[i].slots = table_new(slots_each * sizeof *holders[i].slots);
		all[i] = load_thread(work, &holders[i]);
	}
}

int main(int argc, char **argv)
{
	pthread_t all[LOAD_MAX_THREADS];
	uint64_t spent = 0;
	size_t operations = 0;
	threads = load_argument(argc, argv, 2, 1);
	if (argc < 2 || threads > LOAD_MAX_THREADS || !choose_sizes(argv[1]))
		return 2;
	target_each = load_work(target_bytes) / (size_t)threads;
	slots_each = target_each / mean_size() * 2 + STEPS;
	start_threads(all);
	for (enum phase phase = PHASE_GROWTH; phase <= PHASE_IDLE_AFTER; phase++)
		spent += run_phase(phase);
	step.over = true;
	pthread_barrier_wait(&step_begins);
	for (int i = 0; i < threads; i++) {
		pthread_join(all[i], NULL);
		operations += holders[i].operations;
	}
	bench_report("overhead", (double)area.rss_kib / (double)area.live_kib);
	bench_report("time_ns", (double)spent / (double)operations);
	bench_report("rss_kib", (double)(bench_peak_kib() - tables_kib));
	return 0;
}
