// expect: double free (lm_cache_free)
#include "cache.h"

static struct lm_cache *cache;

static void *free_it(void *p)
{
	lm_cache_free(cache, p);
	return NULL;
}

int main(void)
{
	cache = cache_of(64, 0);
	char *p = show(lm_cache_alloc(cache));

	in_thread(free_it, p);
	lm_cache_free(cache, p);
	lm_cache_shrink(cache);
	_exit(0);
}
