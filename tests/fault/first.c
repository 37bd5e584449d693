// The first allocations of a process, with every entry point, while the system calls fail: NULL and ENOMEM, no abort.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void expect_memory_or_enomem(const char *function, void *start, size_t size, int error)
{
	if (start == NULL && error != ENOMEM) {
		dprintf(STDOUT_FILENO, "%s(%zu): NULL with errno %d\n", function, size, error);
		_exit(1);
	}
	if (start == NULL)
		return;
	memset(start, 1, size);
	free(start);
}

static void try_all(size_t size)
{
	void *start = NULL;
	int error;

	errno = 0;
	start = malloc(size);
	expect_memory_or_enomem("malloc", start, size, errno);
	errno = 0;
	start = calloc(1, size);
	expect_memory_or_enomem("calloc", start, size, errno);
	errno = 0;
	start = realloc(NULL, size);
	expect_memory_or_enomem("realloc", start, size, errno);
	errno = 0;
	start = aligned_alloc(64, size);
	expect_memory_or_enomem("aligned_alloc", start, size, errno);
	errno = 0;
	start = valloc(size);
	expect_memory_or_enomem("valloc", start, size, errno);
	start = NULL;
	error = posix_memalign(&start, 4096, size);
	expect_memory_or_enomem("posix_memalign", error == 0 ? start : NULL, size, error);
}

int main(void)
{
	static const size_t sizes[] = { 10, 1000, 50000, 200000, 5 << 20 };

	prctl(PR_SET_NAME, "workload");
	free(NULL);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		try_all(sizes[i]);
	malloc_trim(0);
	prctl(PR_SET_NAME, "recovery");
	dprintf(STDOUT_FILENO, "workload ok\n");
	return 0;
}
