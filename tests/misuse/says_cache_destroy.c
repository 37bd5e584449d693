// says: libmalloc: live object of cache widget: ADDRESS (lm_cache_destroy)
// says: libmalloc: live objects: 1 of cache widget (lm_cache_destroy)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	void *live = show(lm_cache_alloc(cache));

	lm_cache_free(cache, lm_cache_alloc(cache));
	if (lm_cache_destroy(cache) != 1)
		return 1;
	lm_cache_free(cache, live);
	return (int)lm_cache_destroy(cache);
}
