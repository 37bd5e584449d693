/*
 * demo-run.c - the measuring half of `make demo`: one program on the C library's malloc and on libmalloc, in turn, and
 * a table of both.
 *
 *      demo-run LIBRARY PROBE PROGRAM [ARGUMENT...]
 *
 * A round is one run on each; the order changes from round to round. The first round is not counted. Rounds go on until
 * there are ROUNDS_MOST, or another one would not end within SECONDS_MOST. PROBE (demo-probe.c) adds what the program's
 * heap is at its end, through the file DEMO_FIGURES; of several processes, the largest one's.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { ROUNDS_MOST = 9, SECONDS_MOST = 22, VERSION_BYTES = 32 };
enum malloc_id { SYSTEM, OURS, MALLOCS };
enum figure { TIME, CPU, PEAK, FAULTS, END_RSS, END_HEAP, END_USED, FIGURES };

struct row {
	const char *name;
	const char *unit;
	double divisor;
	int decimals;
};

static const struct row rows[FIGURES] = {
	[TIME] = {"time", "s", 1, 3},
	[CPU] = {"processor time", "s", 1, 3},
	[PEAK] = {"peak RSS", "MiB", 1 << 20, 1},
	[FAULTS] = {"page faults", "", 1, 0},
	[END_RSS] = {"RSS", "MiB", 1 << 20, 1},
	[END_HEAP] = {"heap, address space", "MiB", 1 << 20, 1},
	[END_USED] = {"heap, in use", "MiB", 1 << 20, 1},
};

struct run {
	double figure[FIGURES];
};

static struct run runs[MALLOCS][ROUNDS_MOST];
static char version[MALLOCS][VERSION_BYTES];
static const char *figures_file;

static _Noreturn void fail(const char *what, const char *subject)
{
	fprintf(stderr, "demo: %s: %s\n", what, subject);
	exit(1);
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time) { return (double)time.tv_sec + (double)time.tv_usec / 1e6; }

static void clear_figures(void)
{
	int file = open(figures_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file < 0)
		fail(figures_file, strerror(errno));
	close(file);
}

/* Starts the program with nothing to read and its output thrown away. */
static pid_t start(char *const *program)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	int error = posix_spawnp(&pid, program[0], &actions, NULL, program, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (error != 0)
		fail(program[0], strerror(error));
	return pid;
}

/* What the probe wrote, by the process with the highest peak. */
static void read_figures(enum malloc_id malloc_id, struct run *run)
{
	double peak, highest = -1, rss, heap, used;
	char name[VERSION_BYTES];
	FILE *file = fopen(figures_file, "re");
	if (file == NULL)
		fail(figures_file, strerror(errno));
	while (fscanf(file, "%lf %lf %lf %lf %31s", &peak, &rss, &heap, &used, name) == 5) {
		if (peak < highest)
			continue;
		highest = peak;
		run->figure[END_RSS] = rss;
		run->figure[END_HEAP] = heap;
		run->figure[END_USED] = used;
		strcpy(version[malloc_id], name);
	}
	fclose(file);
	if (highest < 0)
		fail("the program left no figures", "it did not load the probe, or did not end by exit");
	if ((strcmp(version[malloc_id], "-") == 0) != (malloc_id == SYSTEM))
		fail("the program ran on the wrong malloc", version[malloc_id]);
}

static struct run run_once(enum malloc_id malloc_id, const char *preload, char *const *program)
{
	struct run run = {0};
	struct rusage usage;
	int status;
	clear_figures();
	setenv("LD_PRELOAD", preload, 1);
	double before = seconds();
	pid_t pid = start(program);
	unsetenv("LD_PRELOAD");
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	run.figure[TIME] = seconds() - before;
	if (status != 0)
		fail(program[0], malloc_id == OURS ? "failed on libmalloc" : "failed on the C library's malloc");
	run.figure[CPU] = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
	run.figure[PEAK] = (double)usage.ru_maxrss * 1024;
	run.figure[FAULTS] = (double)usage.ru_minflt;
	read_figures(malloc_id, &run);
	return run;
}

static void progress(int round)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (round < 0)
		fprintf(stderr, "\r%30s\r", "");
	else
		fprintf(stderr, "\rround %d of at most %d", round, ROUNDS_MOST);
}

/* The number of rounds that count. */
static int measure(const char *const preload[MALLOCS], char *const *program)
{
	double begin = seconds(), longest = 0;
	int round;
	for (round = 0; round <= ROUNDS_MOST; round++) {
		double before = seconds();
		if (round > 1 && before - begin + longest > SECONDS_MOST)
			break;
		progress(round);
		for (int i = 0; i < MALLOCS; i++) {
			enum malloc_id id = (enum malloc_id)((i + round) % MALLOCS);
			runs[id][round == 0 ? 0 : round - 1] = run_once(id, preload[id], program);
		}
		double took = seconds() - before;
		longest = took > longest ? took : longest;
	}
	progress(-1);
	return round - 1;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(enum malloc_id malloc_id, enum figure figure, int rounds)
{
	double values[ROUNDS_MOST];
	for (int i = 0; i < rounds; i++)
		values[i] = runs[malloc_id][i].figure[figure];
	qsort(values, (size_t)rounds, sizeof(values[0]), ascending);
	return (values[rounds / 2] + values[(rounds - 1) / 2]) / 2;
}

static void print_row(enum figure figure, int rounds)
{
	const struct row *row = &rows[figure];
	double value[MALLOCS];
	printf("%-28s", row->name);
	for (int id = 0; id < MALLOCS; id++) {
		value[id] = median((enum malloc_id)id, figure, rounds) / row->divisor;
		printf("%13.*f %-3s", row->decimals, value[id], row->unit);
	}
	if (value[SYSTEM] > 0)
		printf("%11.2f", value[OURS] / value[SYSTEM]);
	printf("\n");
}

/* The probe reads the RSS from /proc; without it the figure is 0. */
static bool is_known(enum figure figure, int rounds)
{
	return figure != END_RSS || (median(SYSTEM, figure, rounds) > 0 && median(OURS, figure, rounds) > 0);
}

static void print_table(int rounds)
{
	char libc[VERSION_BYTES] = "libc", ours[2 * VERSION_BYTES];
	confstr(_CS_GNU_LIBC_VERSION, libc, sizeof(libc));
	snprintf(ours, sizeof(ours), "libmalloc %s", version[OURS]);
	printf("\n%-28s%17s%17s%11s\n", "", libc, ours, "ratio");
	for (int figure = TIME; figure < END_RSS; figure++)
		print_row((enum figure)figure, rounds);
	printf("at the end of the program:\n");
	for (int figure = END_RSS; figure < FIGURES; figure++) {
		if (is_known((enum figure)figure, rounds))
			print_row((enum figure)figure, rounds);
		else
			printf("/proc is not mounted: no RSS\n");
	}
	printf("\nMedians of %d run%s on each, in turn, after one that is not counted.\n", rounds, rounds == 1 ? "" : "s");
}

int main(int argc, char **argv)
{
	char both[8192];
	if (argc < 4)
		fail("usage", "DEMO_FIGURES=FILE demo-run LIBRARY PROBE PROGRAM [ARGUMENT...]");
	snprintf(both, sizeof(both), "%s:%s", argv[1], argv[2]);
	figures_file = getenv("DEMO_FIGURES");
	if (figures_file == NULL)
		fail("not set", "DEMO_FIGURES");
	print_table(measure((const char *const[MALLOCS]){[SYSTEM] = argv[2], [OURS] = both}, argv + 3));
	return 0;
}
