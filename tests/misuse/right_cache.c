// expect: nothing
#include "cache.h"

static struct lm_cache *cache;

static void *use(void *p)
{
	lm_cache_free(cache, p);
	for (int i = 0; i < 1000; i++)
		lm_cache_free(cache, lm_cache_alloc(cache));
	return NULL;
}

int main(void)
{
	cache = cache_of(64, LM_CACHE_POISON | LM_CACHE_RED_ZONE);
	in_thread(use, memset(lm_cache_alloc(cache), 1, 64));
	free(lm_cache_alloc(cache));
	lm_cache_free(cache, NULL);
	return (int)lm_cache_destroy(cache);
}
