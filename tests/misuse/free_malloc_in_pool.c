// expect: not a chunk of this pool (lm_pool_free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(48, 10, 0);
	
	lm_pool_free(pool, show(malloc(48)));
	_exit(0);
}
