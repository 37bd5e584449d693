// expect: double free (lm_cache_free)
// Such a cache sees it at once, whatever was freed between.
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, LM_CACHE_POISON | LM_CACHE_RED_ZONE);
	char *p = show(lm_cache_alloc(cache));
	char *q = lm_cache_alloc(cache);

	lm_cache_free(cache, p);
	lm_cache_free(cache, q);
	lm_cache_free(cache, p);
	_exit(0);
}
