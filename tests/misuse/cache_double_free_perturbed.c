// expect: double free (lm_cache_free)
// Threads have no magazines: it is found at the slab, at once.
#include "cache.h"

int main(void)
{
	mallopt(M_PERTURB, 0x55);
	struct lm_cache *cache = cache_of(64, 0);
	char *p = show(lm_cache_alloc(cache));
	char *q = lm_cache_alloc(cache);

	lm_cache_free(cache, p);
	lm_cache_free(cache, q);
	lm_cache_free(cache, p);
	_exit(0);
}
