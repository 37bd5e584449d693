// expect: double free (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	char *p = show(lm_cache_alloc(cache));
	char *q = lm_cache_alloc(cache);

	lm_cache_free(cache, p);
	lm_cache_free(cache, q);
	lm_cache_free(cache, p);
	return 0;
}
