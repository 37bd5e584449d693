/*
 * clock.c - see clock.h. By system call: libc's function may be another library's, which may allocate.
 */
#include "os/clock.h"

#include "base/syscall.h"

#include <time.h>

uint64_t os_clock_us(void)
{
	struct timespec now = {0, 0};
	syscall3(SYS_clock_gettime, CLOCK_MONOTONIC_COARSE, (long)&now, 0);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
