/*
 * launch.c - `launch ROUNDS WHAT LIBRARY... -- COMMAND...`: starts the command ROUNDS times under each library in turn
 * (A B C A B C ...; "-" is none) and prints for each start the library's number and
 *
 *      WHAT = use    wall time from vfork to wait4 and CPU time in us, max RSS in KiB, minor faults
 *      WHAT = start  the same of a short command: before each start goes one without a library that is not measured,
 *                    so that none pays for the caches that its predecessor left
 *      WHAT = exit   the resident set in KiB when it exits, exact (smaps_rollup)
 *
 * A start that fails prints nothing. The command's input and output are /dev/null. Linked statically and without stdio on the way: wait4's max RSS is
 * never below that of the process that called vfork.
 */
#include "figures.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { ENVIRONMENT_MAX = 512, PATH_BYTES = 4096 };

static char *environment[ENVIRONMENT_MAX];
static char preload[PATH_BYTES + 16];

/* This process's environment without LD_PRELOAD, and the library's LD_PRELOAD first. */
static void set_environment(const char *library)
{
	size_t count = 0;
	if (strcmp(library, "-") != 0) {
		strcpy(preload, "LD_PRELOAD=");
		strncat(preload, library, PATH_BYTES);
		environment[count++] = preload;
	}
	for (char **from = environ; *from != NULL && count < ENVIRONMENT_MAX - 1; from++)
		if (strncmp(*from, "LD_PRELOAD=", 11) != 0)
			environment[count++] = *from;
	environment[count] = NULL;
}

static pid_t start(char **command, int is_traced)
{
	pid_t child = vfork();
	if (child != 0)
		return child;
	if (is_traced)
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execve(command[0], command, environment);
	_exit(127);
}

static int succeeded(int status) { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

static uint64_t us_of(struct timeval time) { return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec; }

static void measure_use(int library, char **command, int out)
{
	int status;
	struct rusage use;
	uint64_t begin = wall_ns();
	pid_t child = start(command, 0);
	wait4(child, &status, 0, &use);
	uint64_t wall = wall_ns() - begin;
	if (succeeded(status))
		dprintf(out, "%d %.1f %lu %ld %ld\n", library, (double)wall / 1e3,
			us_of(use.ru_utime) + us_of(use.ru_stime), use.ru_maxrss, use.ru_minflt);
}

static void start_unmeasured(char **command)
{
	int status;
	set_environment("-");
	waitpid(start(command, 0), &status, 0);
}

/* Stops the command at exec, and at exit while its memory is still there. */
static void measure_exit(int library, char **command, int out)
{
	int status;
	char path[64];
	pid_t child = start(command, 1);
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACEEXIT);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	waitpid(child, &status, 0);
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", child);
	size_t bytes = rss_bytes_of(path);
	ptrace(PTRACE_CONT, child, NULL, NULL);
	waitpid(child, &status, 0);
	if (succeeded(status) && bytes != 0)
		dprintf(out, "%d %zu\n", library, bytes / 1024);
}

int main(int argc, char **argv)
{
	int dashes = 3;
	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	if (dashes + 1 >= argc)
		return 2;
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int nothing = open("/dev/null", O_RDWR);
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	for (long round = atol(argv[1]); round > 0; round--)
		for (int library = 3; library < dashes; library++) {
			if (strcmp(argv[2], "start") == 0)
				start_unmeasured(argv + dashes + 1);
			set_environment(argv[library]);
			if (strcmp(argv[2], "exit") == 0)
				measure_exit(library - 3, argv + dashes + 1, out);
			else
				measure_use(library - 3, argv + dashes + 1, out);
		}
	return 0;
}
