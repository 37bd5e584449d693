// expect: double free (free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	char *p = show(lm_cache_alloc(cache));

	free(p);
	free(p);
	_exit(0);
}
