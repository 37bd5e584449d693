// expect: cache already destroyed (lm_cache_destroy)
// The report is written without the lock of the caches.
#include "misuse.h"
#include <libmalloc.h>

static void create_in_handler(int signal)
{
	struct lm_cache *cache = lm_cache_create("gadget", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);

	lm_cache_free(cache, lm_cache_alloc(cache));
	lm_cache_destroy(cache);
	allocate_in_handler(signal);
}

int main(void)
{
	signal(SIGABRT, create_in_handler);
	struct lm_cache *cache = lm_cache_create("widget", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	lm_cache_free(cache, lm_cache_alloc(cache));

	show(cache);
	lm_cache_destroy(cache);
	lm_cache_destroy(cache);
	_exit(0);
}
