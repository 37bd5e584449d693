// expect: pointer never allocated (lm_cache_free)
#include "cache.h"

static long object[8];

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);

	lm_cache_free(cache, show(object));
	_exit(0);
}
