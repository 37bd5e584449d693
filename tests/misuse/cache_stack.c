// expect: pointer into the stack (lm_cache_free)
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_of(64, 0);
	long object[8];

	lm_cache_free(cache, show(object));
	_exit(0);
}
