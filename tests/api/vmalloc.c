/*
 * vmalloc.c - ranges with a guard page: what runs past one faults, and free, realloc and malloc_usable_size know them.
 */
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether a write there ends a child by SIGSEGV. */
static int faults(char *at)
{
	int status;
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)at = 1;
		_exit(0);
	}
	MUST(waitpid(child, &status, 0) == child);
	MUST(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
	return status != 0;
}

static void *work(void *unused)
{
	for (int i = 0; i < 500; i++) {
		size_t size = 1 + (size_t)i * 1000;
		char *range = i % 2 == 0 ? lm_vzalloc(size) : lm_kvmalloc(size, LM_ZERO);
		MUST(range != NULL && range[0] == 0 && range[size - 1] == 0);
		memset(range, 1, size);
		char *block = malloc(size);
		MUST(block != NULL);
		memset(block, 2, size);
		MUST(range[0] == 1 && range[size - 1] == 1);
		if (i % 3 == 0)
			free(range);
		else
			lm_kvfree(range);
		free(block);
	}
	return unused;
}

int main(void)
{
	pthread_t threads[4];
	for (size_t size = 1; size < 50 << 20; size = size * 3 + 1) {
		char *range = lm_vmalloc(size);
		size_t usable = malloc_usable_size(range);
		MUST(range != NULL && usable >= size && usable < size + 65536);
		memset(range, 1, usable);
		MUST(!faults(range + usable - 1));
		MUST(faults(range + usable));
		range = realloc(range, size * 2 + 100000);
		MUST(range != NULL && range[0] == 1 && range[size - 1] == 1);
		free(range);
	}
	char *large = lm_kvmalloc(32 << 20, 0);
	MUST(large != NULL && faults(large + malloc_usable_size(large)));
	lm_kvfree(large);
	errno = 0;
	MUST(lm_vmalloc(0) == NULL && errno == ENOMEM);
	errno = 0;
	MUST(lm_vmalloc(SIZE_MAX) == NULL && errno == ENOMEM);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, work, NULL) == 0);
	for (int i = 0; i < 4; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	MUST(mallinfo2().hblks == 0);
	return 0;
}
