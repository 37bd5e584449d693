/*
 * syscall.h - system calls made directly, so that no library that wraps open, mmap or write is entered and errno is
 * left alone. The result is the kernel's: a value, or -errno between -4095 and -1.
 *
 * In src only this file and os/rseq.h have instructions of a machine; include/libmalloc/percpu.h repeats the sequence
 * of os/rseq.h for programs. syscall(2) has both conventions.
 */
#ifndef LM_OS_SYSCALL_H
#define LM_OS_SYSCALL_H

#include "base/compiler.h"

#include <fcntl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline void cpu_relax(void) { __builtin_ia32_pause(); }

#elif defined(__aarch64__)

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static inline void cpu_relax(void) { __asm__ volatile("yield"); }

#else
#error "libmalloc knows x86-64 and arm64: add the system call convention of this machine here"
#endif

static inline long syscall3(long number, long a, long b, long c) { return syscall6(number, a, b, c, 0, 0, 0); }

static inline bool syscall_failed(long result) { return result < 0 && result >= -4095; }

/* Opens a file to read it: the file descriptor. */
static inline long syscall_open(const char *path)
{
	return syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

#endif
