/*
 * pages.c - whole pages beside malloc: alignment, zeros after dirt, exact numbers, threads, and free(3).
 */
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void is_zero(const char *pages, size_t bytes) { MUST(*pages == 0 && memcmp(pages, pages + 1, bytes - 1) == 0); }

static void each_order(void)
{
	for (unsigned order = 0; order <= LM_PAGE_MAX_ORDER; order++) {
		size_t bytes = (size_t)LM_PAGE_SIZE << order;
		for (int round = 0; round < 3; round++) {
			char *dirty = lm_pages_alloc(order, 0);
			char *zero = lm_pages_alloc(order, LM_ZERO);
			MUST(dirty != NULL && zero != NULL);
			MUST((uintptr_t)dirty % bytes == 0 && (uintptr_t)zero % bytes == 0);
			is_zero(zero, bytes);
			memset(dirty, 0xaa, bytes);
			memset(zero, 0xbb, bytes);
			MUST(malloc_usable_size(dirty) == bytes);
			lm_pages_free(dirty, order);
			if (round == 0)
				free(zero);
			else
				lm_pages_free(zero, order);
		}
	}
	lm_pages_free(NULL, 3);
}

static void each_exact_number(void)
{
	for (size_t pages = 1; pages <= 1024; pages += pages < 20 ? 1 : 83) {
		char *block = lm_pages_alloc_exact(pages * LM_PAGE_SIZE - 5, LM_ZERO);
		size_t power = LM_PAGE_SIZE;
		while (power < pages * LM_PAGE_SIZE)
			power *= 2;
		MUST(block != NULL && (uintptr_t)block % power == 0);
		MUST(malloc_usable_size(block) == pages * LM_PAGE_SIZE);
		is_zero(block, pages * LM_PAGE_SIZE);
		memset(block, 1, pages * LM_PAGE_SIZE);
		lm_pages_free_exact(block, pages * LM_PAGE_SIZE);
	}
}

static void *work(void *argument)
{
	unsigned seed = *(unsigned *)argument;
	char *held[16] = {NULL};
	unsigned order[16];
	for (int i = 0; i < 20000; i++) {
		unsigned at = rand_r(&seed) % 16;
		if (held[at] != NULL) {
			MUST(held[at][0] == (char)at && held[at][((size_t)LM_PAGE_SIZE << order[at]) - 1] == (char)at);
			lm_pages_free(held[at], order[at]);
			held[at] = NULL;
		} else {
			order[at] = rand_r(&seed) % 5;
			MUST((held[at] = lm_pages_alloc(order[at], 0)) != NULL);
			held[at][0] = held[at][((size_t)LM_PAGE_SIZE << order[at]) - 1] = (char)at;
		}
	}
	for (int i = 0; i < 16; i++)
		lm_pages_free(held[i], order[i]);
	return NULL;
}

int main(void)
{
	pthread_t threads[4];
	unsigned seeds[4] = {1, 2, 3, 4};
	each_order();
	each_exact_number();
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
	for (int i = 0; i < 4; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	/* Refusals say why on standard error; that is not what is tested here. */
	MUST(freopen("/dev/null", "w", stderr) != NULL);
	errno = 0;
	MUST(lm_pages_alloc(LM_PAGE_MAX_ORDER + 1, 0) == NULL && errno == EINVAL);
	errno = 0;
	MUST(lm_pages_alloc_exact(0, 0) == NULL && errno == EINVAL);
	errno = 0;
	MUST(lm_pages_alloc_exact((4 << 20) + 1, 0) == NULL && errno == EINVAL);
	errno = 0;
	MUST(lm_pages_alloc(0, LM_HUGE) == NULL && errno == EINVAL);
	return 0;
}
