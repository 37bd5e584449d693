/*
 * syscall.h - stands before src/os/syscall.h when the internals are compiled for ThreadSanitizer.
 *
 * The calls go through libc, where the sanitizer sees that a mapping came or went. That one thread's munmap comes before
 * the mmap by which another gets the same addresses is the kernel's doing (mmap_lock); the sanitizer is told.
 */
#ifndef LM_OS_SYSCALL_H
#define LM_OS_SYSCALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char kernel_order;
extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

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
	bool maps = number == SYS_mmap || number == SYS_munmap || number == SYS_mremap;
	if (maps)
		__tsan_release(&kernel_order);
	long result = syscall_seen(number, a, b, c, d, e, f);
	if (maps)
		__tsan_acquire(&kernel_order);
	result = result == -1 ? -errno : result;
	errno = saved;
	return result;
}

static inline void cpu_relax(void) {}

static inline long syscall3(long number, long a, long b, long c) { return syscall6(number, a, b, c, 0, 0, 0); }

static inline bool syscall_failed(long result) { return result < 0 && result >= -4095; }

static inline long syscall_open(const char *path)
{
	return syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

#endif
