// expect: interior pointer (free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(48, 10, 0);
	
	free(show(lm_pool_alloc(pool)));
	_exit(0);
}
