/*
 * launch.c - what preloading the allocator costs a short program at its start: `launch EMPTY COMMAND [ARGUMENT...]`.
 *
 * The command is started many times, in turn without a library, with EMPTY (a library with nothing in it: what any
 * LD_PRELOAD costs) and with $BENCH_PRELOAD, by vfork and exec. Reported are medians: the wall time from vfork to
 * wait4, and how far it, the CPU time, the resident set and the page faults lie over those without a library:
 *
 *      start_us                    with the allocator
 *      over_glibc_us               start_us less that without a library
 *      over_empty_us               start_us less that with the empty library
 *      cpu_over_us, faults_over    user and system time, minor page faults
 *      rss_kib, rss_over_kib       the resident set when the command exits, exact (smaps_rollup, read under ptrace)
 *
 * Before each measured start goes one that is not, without a library, so that none pays for the caches that its
 * predecessor left. Where $BENCH_PRELOAD is empty the differences show the noise.
 */
#define _GNU_SOURCE
#include "../lib/bench.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { STARTS = 200, QUICK_STARTS = 60, EXITS = 21, ENVIRONMENT_MAX = 512, PATH_BYTES = 4096 };
enum library { NONE, EMPTY, ALLOCATOR, LIBRARIES };
enum figure { WALL_US, CPU_US, FAULTS, EXIT_RSS_KIB, FIGURES };

static char *environment[LIBRARIES][ENVIRONMENT_MAX + 2];
static double samples[LIBRARIES][FIGURES][STARTS];

/* This process's environment with the library's LD_PRELOAD first, if it has a path. */
static void set_environment(enum library library, const char *path)
{
	static char preload[LIBRARIES][PATH_BYTES];
	char **to = environment[library];
	size_t count = 0;
	if (path != NULL && *path != '\0') {
		snprintf(preload[library], PATH_BYTES, "LD_PRELOAD=%s", path);
		to[count++] = preload[library];
	}
	for (char **from = environ; *from != NULL && count < ENVIRONMENT_MAX; from++)
		if (strncmp(*from, "LD_PRELOAD=", 11) != 0)
			to[count++] = *from;
	to[count] = NULL;
}

static pid_t start(enum library library, char **command, bool is_traced)
{
	pid_t child = vfork();
	if (child != 0)
		return child;
	if (is_traced)
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execve(command[0], command, environment[library]);
	_exit(127);
}

static void wait_for(pid_t child, struct rusage *use)
{
	int status;
	if (child < 0 || wait4(child, &status, 0, use) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "launch: the command failed\n");
		_exit(1);
	}
}

static double us_of(struct timeval time) { return (double)time.tv_sec * 1e6 + (double)time.tv_usec; }

static void measure_start(enum library library, char **command, int at)
{
	struct rusage use;
	wait_for(start(NONE, command, false), &use);
	uint64_t begin = bench_now_ns();
	wait_for(start(library, command, false), &use);
	samples[library][WALL_US][at] = (double)(bench_now_ns() - begin) / 1e3;
	samples[library][CPU_US][at] = us_of(use.ru_utime) + us_of(use.ru_stime);
	samples[library][FAULTS][at] = (double)use.ru_minflt;
}

static size_t rss_kib_of(pid_t process)
{
	char path[64], text[2048];
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", process);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
	if (length <= 0)
		return 0;
	close(file);
	text[length] = '\0';
	const char *rss = strstr(text, "Rss:");
	return rss == NULL ? 0 : strtoul(rss + 4, NULL, 10);
}

/* Stops the command at exec, and at exit while its memory is still there. */
static void measure_exit(enum library library, char **command, int at)
{
	int status;
	struct rusage use;
	pid_t child = start(library, command, true);
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	waitpid(child, &status, 0);
	samples[library][EXIT_RSS_KIB][at] = (double)rss_kib_of(child);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	wait_for(child, &use);
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;
	return (a > b) - (a < b);
}

static double median(enum library library, enum figure figure, int count)
{
	double *all = samples[library][figure];
	qsort(all, (size_t)count, sizeof *all, compare);
	return (all[(count - 1) / 2] + all[count / 2]) / 2;
}

static void report(int starts)
{
	double wall[LIBRARIES], cpu[LIBRARIES], faults[LIBRARIES], rss[LIBRARIES];
	for (enum library library = NONE; library < LIBRARIES; library++) {
		wall[library] = median(library, WALL_US, starts);
		cpu[library] = median(library, CPU_US, starts);
		faults[library] = median(library, FAULTS, starts);
		rss[library] = median(library, EXIT_RSS_KIB, EXITS);
	}
	bench_report("start_us", wall[ALLOCATOR]);
	bench_report("over_glibc_us", wall[ALLOCATOR] - wall[NONE]);
	bench_report("over_empty_us", wall[ALLOCATOR] - wall[EMPTY]);
	bench_report("cpu_over_us", cpu[ALLOCATOR] - cpu[NONE]);
	bench_report("faults_over", faults[ALLOCATOR] - faults[NONE]);
	if (rss[ALLOCATOR] > 0) {
		bench_report("rss_kib", rss[ALLOCATOR]);
		bench_report("rss_over_kib", rss[ALLOCATOR] - rss[NONE]);
	}
}

int main(int argc, char **argv)
{
	int starts = bench_quick() ? QUICK_STARTS : STARTS;
	if (argc < 3)
		return 2;
	set_environment(NONE, NULL);
	set_environment(EMPTY, argv[1]);
	set_environment(ALLOCATOR, getenv("BENCH_PRELOAD"));
	for (int i = 0; i < starts; i++)
		for (enum library library = NONE; library < LIBRARIES; library++)
			measure_start(library, argv + 2, i);
	for (int i = 0; i < EXITS; i++)
		for (enum library library = NONE; library < LIBRARIES; library++)
			measure_exit(library, argv + 2, i);
	report(starts);
	return 0;
}
