// expect: freed object written to at offset 8 of cache widget (lm_cache_alloc)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, LM_CACHE_POISON);
	char *p = show(lm_cache_alloc(cache));

	lm_cache_free(cache, p);
	p[8]++;
	p = lm_cache_alloc(cache);
	_exit(0);
}
