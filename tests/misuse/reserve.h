// What the misuses of reserves share: a reserve of one block of malloc's.
#ifndef MISUSE_RESERVE_H
#define MISUSE_RESERVE_H

#include "misuse.h"

#include <libmalloc.h>

static void *reserve_get(unsigned flags, void *context)
{
	return flags != 0 ? malloc(64) : context;
}

static void reserve_put(void *object, void *context)
{
	free(context == NULL ? object : NULL);
}

static inline struct lm_reserve *reserve_of_one(void)
{
	return lm_reserve_create(1, reserve_get, reserve_put, NULL);
}

#endif
