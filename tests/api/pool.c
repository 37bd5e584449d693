/*
 * pool.c - a fixed-size pool as a program uses it: a graph of nodes, freed one by one, then all at once, round after
 * round; nothing is lost.
 */
#include "must.h"

#include <libmalloc.h>

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 20000, ROUNDS = 200 };

struct node {
	struct node *next;
	uint64_t value;
};

static void use_one_pool(void)
{
	struct lm_pool *pool = lm_pool_create(sizeof(struct node), NODES, 0);
	struct node *list = NULL;
	uint64_t sum = 0;
	MUST(pool != NULL && lm_pool_used(pool) == 0);
	for (uint64_t i = 0; i < NODES; i++) {
		struct node *node = lm_pool_alloc(pool);
		MUST(node != NULL && (uintptr_t)node % 16 == 0);
		*node = (struct node){list, i};
		list = node;
	}
	errno = 0;
	MUST(lm_pool_alloc(pool) == NULL && errno == ENOMEM && lm_pool_used(pool) == NODES);
	/* Every second one goes and comes back. */
	for (struct node *node = list; node != NULL; node = node->next) {
		struct node *gone = node->next;
		node->next = gone->next;
		lm_pool_free(pool, gone);
	}
	MUST(lm_pool_used(pool) == NODES / 2);
	for (struct node *node = list; node != NULL; node = node->next)
		sum += node->value;
	MUST(sum == (uint64_t)NODES / 2 * NODES / 2);
	for (int i = 0; i < NODES / 2; i++)
		MUST(lm_pool_alloc(pool) != NULL);
	MUST(lm_pool_alloc(pool) == NULL);
	lm_pool_reset(pool);
	MUST(lm_pool_used(pool) == 0 && lm_pool_alloc(pool) != NULL);
	lm_pool_destroy(pool);
}

int main(void)
{
	use_one_pool();
	struct mallinfo2 before = mallinfo2();
	for (int round = 0; round < ROUNDS; round++)
		use_one_pool();
	struct mallinfo2 after = mallinfo2();
	MUST(after.uordblks + after.hblkhd <= before.uordblks + before.hblkhd + 4096);
	MUST(after.arena <= before.arena + (1 << 20));
	for (size_t align = 1; align <= 4096; align *= 2) {
		struct lm_pool *pool = lm_pool_create(3, 100, align);
		for (int i = 0; i < 100; i++) {
			char *chunk = lm_pool_alloc(pool);
			MUST(chunk != NULL && (uintptr_t)chunk % align == 0);
			memset(chunk, 1, 3);
		}
		lm_pool_destroy(pool);
	}
	lm_pool_destroy(NULL);
	return 0;
}
