// expect: cache already destroyed (lm_cache_shrink)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_cache *cache = lm_cache_create("widget", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	lm_cache_free(cache, lm_cache_alloc(cache));

	show(cache);
	lm_cache_destroy(cache);
	lm_cache_shrink(cache);
	_exit(0);
}
