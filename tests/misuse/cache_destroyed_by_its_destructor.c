// expect: cache already destroyed (lm_cache_destroy)
#include "misuse.h"
#include <libmalloc.h>

static struct lm_cache *cache;

static void destruct(void *object)
{
	*(int *)object = 0;
	lm_cache_destroy(cache);
}

int main(void)
{
	cache = lm_cache_create("widget", 64, 0, 0, NULL, destruct);
	lm_cache_free(cache, lm_cache_alloc(cache));
	show(cache);
	lm_cache_destroy(cache);
	_exit(0);
}
