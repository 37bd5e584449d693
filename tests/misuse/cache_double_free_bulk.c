// expect: double free (lm_cache_free_bulk)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	void *p = show(lm_cache_alloc(cache));
	void *both[] = {p, p};

	lm_cache_free_bulk(cache, 2, both);
	_exit(0);
}
