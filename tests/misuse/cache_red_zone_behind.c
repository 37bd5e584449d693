// expect: red zone overwritten at offset 60 of cache widget (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(60, LM_CACHE_RED_ZONE);
	char *p = show(lm_cache_alloc(cache));

	memset(p, 0, 61);
	lm_cache_free(cache, p);
	_exit(0);
}
