// expect: red zone overwritten at offset -1 of cache widget (free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, LM_CACHE_RED_ZONE);
	char *p = show(lm_cache_alloc(cache));

	p[-1] = 0;
	free(p);
	_exit(0);
}
