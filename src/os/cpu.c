/*
 * cpu.c - see cpu.h. And where the C library keeps the thread's area for restartable sequences.
 */
#define _GNU_SOURCE
#include "os/cpu.h"

#include "base/bits.h"
#include "base/syscall.h"
#include "os/rseq.h"

#include <fcntl.h>
#include <sched.h>

enum { TEXT_BYTES = 4096, MASK_WORDS = 1024 };

/* glibc 2.35 and later; __rseq_size is 0 where the kernel or a tunable has none. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

/* For a thread that sees other machines' sequences as ours, no area is there: see rseq.h. */
#if defined(__x86_64__)
enum { RSEQ_IS_WRITTEN = 1 };
#else
enum { RSEQ_IS_WRITTEN = 0 };
#endif

ptrdiff_t rseq_area(void)
{
	bool there = RSEQ_IS_WRITTEN && &__rseq_offset != NULL && &__rseq_size != NULL && __rseq_size != 0;
	return there ? __rseq_offset : 0;
}

/* The highest number in a list such as "0-3,8", and one more; 0 where there is none. */
static unsigned count_of_list(const char *text, size_t length)
{
	unsigned count = 0;
	unsigned number = 0;
	for (size_t i = 0; i < length; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';
		number = digit ? number * 10 + (unsigned)(text[i] - '0') : 0;
		count = (unsigned)size_max(count, digit ? number + 1u : 0);
	}
	return count;
}

static unsigned possible_count(void)
{
	char text[TEXT_BYTES];
	long file = syscall6(SYS_openat, AT_FDCWD, (long)"/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC, 0, 0,
			     0);
	if (syscall_failed(file))
		return 0;
	long length = syscall3(SYS_read, file, (long)text, TEXT_BYTES);
	syscall3(SYS_close, file, 0, 0);
	return syscall_failed(length) ? 0 : count_of_list(text, (size_t)length);
}

static unsigned allowed_count(void)
{
	uint64_t mask[MASK_WORDS];
	long bytes = syscall3(SYS_sched_getaffinity, 0, sizeof(mask), (long)mask);
	for (size_t word = syscall_failed(bytes) ? 0 : (size_t)bytes / 8; word-- > 0;)
		if (mask[word] != 0)
			return (unsigned)word * 64 + log2_floor(mask[word]) + 1;
	return 1;
}

unsigned os_cpu_count(void)
{
	unsigned count = possible_count();
	return count != 0 ? count : allowed_count();
}

unsigned os_cpu_now(void)
{
	int cpu = sched_getcpu();
	return cpu < 0 ? 0 : (unsigned)cpu;
}
