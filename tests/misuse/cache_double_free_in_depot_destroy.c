// expect: double free (free)
// It is found when the objects go from the depot to their slabs.
#include "cache.h"

int main(void)
{
	struct lm_cache *cache = cache_with_double_free();

	lm_cache_destroy(cache);
	_exit(0);
}
