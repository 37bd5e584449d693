// expect: not an object of this cache (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);

	lm_cache_free(cache, show(malloc(64)));
	_exit(0);
}
