// expect: misaligned pointer (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	char *p = lm_cache_alloc(cache);

	lm_cache_free(cache, p);
	p = lm_cache_alloc(cache);
	lm_cache_free(cache, show(p + 1));
	_exit(0);
}
