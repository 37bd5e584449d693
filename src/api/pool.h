/*
 * pool.h - the invariants of libmalloc/pool.h's systems, for tests: each reports an internal error.
 */
#ifndef LM_API_POOL_H
#define LM_API_POOL_H

#include "libmalloc/pool.h"

void pool_check(const struct lm_pool *pool);
void region_check(const struct lm_region *region);
void reserve_check(struct lm_reserve *reserve);

#endif
