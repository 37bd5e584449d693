// expect: double free (lm_pool_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(48, 10, 0);
	char *p = show(lm_pool_alloc(pool));
	
	lm_pool_free(pool, p);
	lm_pool_free(pool, lm_pool_alloc(pool));
	lm_pool_free(pool, p);
	_exit(0);
}
