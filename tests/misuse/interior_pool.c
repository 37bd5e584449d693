// expect: interior pointer (lm_pool_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(48, 10, 0);
	char *p = lm_pool_alloc(pool);
	
	lm_pool_free(pool, show(p + 16));
	_exit(0);
}
