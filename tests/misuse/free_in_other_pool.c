// expect: not a chunk of this pool (lm_pool_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(48, 10, 0);
	struct lm_pool *other = lm_pool_create(48, 10, 0);
	char *p = show(lm_pool_alloc(pool));
	
	lm_pool_free(other, p);
	_exit(0);
}
