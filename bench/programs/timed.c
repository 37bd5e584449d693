/*
 * timed.c - runs a command on the allocator under test; reports its wall time, processor time and peak resident set.
 *
 *      timed OUTPUT COMMAND [ARGUMENT...]
 *
 * So that what a row's script does besides (making its input, checking what came out) is neither measured nor run on
 * that allocator: LD_PRELOAD is set to $BENCH_PRELOAD for the command alone, if that is not empty. The command's
 * output goes to the file OUTPUT. It does not outlive this program. The resident set is the largest of the command's
 * processes. Exits with the command's status.
 */
#include "../lib/bench.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void run(const char *output, char **command)
{
	const char *preload = getenv("BENCH_PRELOAD");
	int file = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		_exit(126);
	close(file);
	if (preload != NULL && *preload != '\0')
		setenv("LD_PRELOAD", preload, 1);
	execvp(command[0], command);
	_exit(127);
}

static double nanoseconds(struct timeval time) { return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3; }

/* As a shell has it: 128 and the signal's number where a signal ended the command. */
static int exit_status(const char *name, int status)
{
	if (WIFSIGNALED(status))
		fprintf(stderr, "timed: %s: ended by signal %d\n", name, WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		fprintf(stderr, "timed: %s: exit status %d\n", name, WEXITSTATUS(status));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;
	if (argc < 3)
		return 2;
	uint64_t begin = bench_now_ns();
	pid_t child = fork();
	if (child == 0)
		run(argv[1], argv + 2);
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 1;
	uint64_t end = bench_now_ns();
	if (status != 0)
		return exit_status(argv[2], status);
	bench_report("time_ns", (double)(end - begin));
	bench_report("cpu_ns", nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime));
	bench_report("rss_kib", (double)usage.ru_maxrss);
	return 0;
}
