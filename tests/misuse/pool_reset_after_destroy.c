// expect: pool already destroyed (lm_pool_reset)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(64, 10, 0);
	lm_pool_alloc(pool);

	show(pool);
	lm_pool_destroy(pool);
	lm_pool_reset(pool);
	_exit(0);
}
