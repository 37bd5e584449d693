// expect: not an object of this cache (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *one = cache_of(64, 0), *other = cache_of(64, 0);
	char *p = show(lm_cache_alloc(one));

	lm_cache_free(other, lm_cache_alloc(other));
	lm_cache_free(other, p);
	_exit(0);
}
