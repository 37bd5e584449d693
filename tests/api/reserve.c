/*
 * reserve.c - a reserve over malloc that is made to fail: threads that must not fail share what is left, and wait; a fork
 * in the middle of it finds a reserve that works.
 */
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MINIMUM = 3, THREADS = 6, ROUNDS = 3000, BYTES = 512 };

static _Atomic int is_short;
static _Atomic int live;

static void *get(unsigned flags, void *context)
{
	(void)flags;
	(void)context;
	void *object = is_short ? NULL : malloc(BYTES);
	live += object != NULL;
	return object;
}

static void put(void *object, void *context)
{
	(void)context;
	live--;
	free(object);
}

static struct lm_reserve *reserve;

static void *work(void *argument)
{
	char byte = *(char *)argument;
	for (int i = 0; i < ROUNDS; i++) {
		char *object = lm_reserve_alloc(reserve, LM_NOFAIL);
		MUST(object != NULL);
		memset(object, byte, BYTES);
		for (int b = 0; b < BYTES; b += 64)
			MUST(object[b] == byte);
		lm_reserve_free(reserve, object);
	}
	return NULL;
}

static void fork_now_and_then(void)
{
	int status;
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		MUST(child >= 0);
		if (child == 0) {
			alarm(200);
			is_short = 0;
			void *object = lm_reserve_alloc(reserve, LM_NOFAIL);
			lm_reserve_free(reserve, object);
			_exit(object == NULL);
		}
		MUST(waitpid(child, &status, 0) == child && status == 0);
	}
}

int main(void)
{
	pthread_t threads[THREADS];
	char bytes[THREADS];
	void *objects[MINIMUM];
	alarm(1000);
	reserve = lm_reserve_create(MINIMUM, get, put, NULL);
	MUST(reserve != NULL && lm_reserve_level(reserve) == MINIMUM);
	is_short = 1;
	for (int i = 0; i < MINIMUM; i++)
		MUST((objects[i] = lm_reserve_alloc(reserve, 0)) != NULL);
	errno = 0;
	MUST(lm_reserve_alloc(reserve, LM_NOWARN) == NULL && errno == ENOMEM);
	for (int i = 0; i < MINIMUM; i++)
		lm_reserve_free(reserve, objects[i]);
	MUST(lm_reserve_level(reserve) == MINIMUM);
	for (int i = 0; i < THREADS; i++) {
		bytes[i] = (char)i;
		MUST(pthread_create(&threads[i], NULL, work, &bytes[i]) == 0);
	}
	fork_now_and_then();
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	MUST(lm_reserve_level(reserve) == MINIMUM && live == MINIMUM);
	MUST(lm_reserve_resize(reserve, 10) == -1 && errno == ENOMEM && lm_reserve_level(reserve) == MINIMUM);
	is_short = 0;
	MUST(lm_reserve_resize(reserve, 10) == 0 && lm_reserve_level(reserve) == 10);
	MUST(lm_reserve_resize(reserve, 1) == 0 && lm_reserve_level(reserve) == 1 && live == 1);
	lm_reserve_destroy(reserve);
	MUST(live == 0);
	return 0;
}
