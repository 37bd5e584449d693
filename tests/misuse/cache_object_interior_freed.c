// expect: interior pointer (free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	char *p = lm_cache_alloc(cache);

	free(show(p + 32));
	_exit(0);
}
