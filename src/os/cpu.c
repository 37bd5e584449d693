/* cpu.c - the numbers of CPUs, and where the C library keeps the thread's area for restartable sequences. */
#define _GNU_SOURCE
#include "os/cpu.h"

#include "base/bits.h"
#include "os/rseq.h"
#include "os/syscall.h"

#include <sched.h>

enum { TEXT_BYTES = 4096, MASK_WORDS = 1024 }; /* of the list in /sys; of an affinity mask: 65,536 CPUs */

/* glibc 2.35 and later; __rseq_size is 0 if the kernel or a tunable has none. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

ptrdiff_t rseq_area(void)
{
	bool is_there = RSEQ_IS_WRITTEN && &__rseq_offset != NULL && &__rseq_size != NULL && __rseq_size != 0;
	return is_there ? __rseq_offset : 0;
}

/* One more than the highest number in a list such as "0-3,8"; 0 if there is none. */
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
	long file = syscall_open("/sys/devices/system/cpu/possible");
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
