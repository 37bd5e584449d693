/*
 * measure.c - starts one command and tells what it used: `measure FD COMMAND [ARGUMENT...]`.
 *
 * One line goes to the file descriptor FD, when the command has ended:
 *
 *      wait status, wall time in ns, user and system time in us, peak RSS in KiB, minor and major faults
 *
 * Times, peak and faults are those of the command and of its children that were waited for. The wall time runs from
 * vfork to wait4. Linked statically, and a process apart from the runner: the peak that wait4 tells is never below
 * that of the process that called vfork, and a Python is larger than many a program measured. An LD_PRELOAD in the
 * environment reaches the command, but not this. When the runner dies, both die.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static long us_of(struct timeval time) { return time.tv_sec * 1000000 + time.tv_usec; }

static pid_t start(char **command)
{
	pid_t child = vfork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execvp(command[0], command);
	dprintf(STDERR_FILENO, "%s: %s\n", command[0], strerror(errno));
	_exit(127);
}

int main(int argc, char **argv)
{
	int status;
	struct rusage use;
	if (argc < 3)
		return 2;
	int result = atoi(argv[1]);
	fcntl(result, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	int64_t begin = now_ns();
	pid_t child = start(argv + 2);
	if (child < 0 || wait4(child, &status, 0, &use) != child)
		return 1;
	int64_t wall = now_ns() - begin;
	dprintf(result, "%d %lld %ld %ld %ld %ld\n", status, (long long)wall, us_of(use.ru_utime) + us_of(use.ru_stime),
		use.ru_maxrss, use.ru_minflt, use.ru_majflt);
	return 0;
}
