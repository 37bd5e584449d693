/*
 * syscall.h - stands before src/base/syscall.h when the internals are compiled for ThreadSanitizer: the calls go through
 * libc, where the sanitizer sees that a mapping came or went and forgets who touched the addresses before.
 */
#ifndef LM_BASE_SYSCALL_H
#define LM_BASE_SYSCALL_H

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* mremap is not known to it: the pages that moved are told by a plain mapping over the old and the new place. */
extern void AnnotateNewMemory(const char *file, int line, const volatile void *memory, long bytes);

static inline long syscall_seen(long number, long a, long b, long c, long d, long e, long f)
{
	switch (number) {
	case SYS_mmap:
		return (long)mmap((void *)a, (size_t)b, (int)c, (int)d, (int)e, f);
	case SYS_munmap:
		return munmap((void *)a, (size_t)b);
	default:
		return syscall(number, a, b, c, d, e, f);
	}
}

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long result = syscall_seen(number, a, b, c, d, e, f);
	if (result == -1)
		result = -errno;
	else if (number == SYS_mremap)
		AnnotateNewMemory(__FILE__, __LINE__, (void *)result, c);
	errno = saved;
	return result;
}

static inline void cpu_relax(void) {}

static inline long syscall3(long number, long a, long b, long c) { return syscall6(number, a, b, c, 0, 0, 0); }

static inline bool syscall_failed(long result) { return result < 0 && result >= -4095; }

#endif
