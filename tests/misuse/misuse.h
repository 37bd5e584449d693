// What every misuse program shares: it shows the address that the report must name, then misuses it.
//
// A program whose misuse must be seen at once leaves with _exit, so that no flush on the way out can help.
#ifndef MISUSE_H
#define MISUSE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// Prints p as the program's first line, without allocating, and returns it.
static inline char *show(void *p)
{
	dprintf(STDOUT_FILENO, "%p\n", p);
	return (char *)p;
}

// C23's free_sized and free_aligned_sized, which glibc 2.36 does not declare; NULL where the library lacks them.
typedef void (*free_sized_fn)(void *, size_t);
typedef void (*free_aligned_sized_fn)(void *, size_t, size_t);

static inline free_sized_fn find_free_sized(void)
{
	return (free_sized_fn)dlsym(RTLD_DEFAULT, "free_sized");
}

static inline free_aligned_sized_fn find_free_aligned_sized(void)
{
	return (free_aligned_sized_fn)dlsym(RTLD_DEFAULT, "free_aligned_sized");
}

// Whether a call was refused with this error; a call that is refused by mistake must set it again.
static inline int refused(const void *result, int error)
{
	int right = result == NULL && errno == error;

	errno = 0;
	return right;
}

// From now on the process gets no memory that it does not have.
static inline void end_memory(void)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_AS, &none) != 0 || setrlimit(RLIMIT_DATA, &none) != 0)
		_exit(2);
}

// Runs body(arg) in a thread of its own, to its end.
static inline void in_thread(void *(*body)(void *), void *arg)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, arg) != 0)
		_exit(2);
	pthread_join(thread, NULL);
}

// Allocates and frees in a handler of SIGABRT, as handlers of crashes do: the report must have been written without a lock.
static inline void allocate_in_handler(int signal)
{
	static void *volatile kept[4000];

	(void)signal;
	for (unsigned i = 0; i < 4000; i++)
		kept[i] = malloc(16 + i % 40 * (i % 40) * 16);
	for (unsigned i = 0; i < 4000; i += 2)
		free(kept[i]);
	malloc_trim(0);
}

#endif
