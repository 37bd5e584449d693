// expect: not an object of this cache (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *one = cache_of(64, LM_CACHE_RED_ZONE), *other = cache_of(64, LM_CACHE_POISON);

	lm_cache_free(other, show(lm_cache_alloc(one)));
	_exit(0);
}
