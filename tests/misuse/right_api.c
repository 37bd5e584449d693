// expect: nothing
// Right use of pools, regions, pages and ranges, NULL included.
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_pool *pool = lm_pool_create(1, 1, 1);
	struct lm_region *region = lm_region_create(1);
	lm_pool_free(pool, NULL);
	lm_pool_free(pool, lm_pool_alloc(pool));
	lm_region_release(region, lm_region_mark(region));
	lm_region_alloc(region, 100000);
	lm_region_release(region, lm_region_mark(region));
	lm_region_destroy(region);
	lm_pool_destroy(pool);
	free(lm_vmalloc(1));
	free(lm_pages_alloc(0, 0));
	free(realloc(lm_kvmalloc(1000000, 0), 100));
	lm_kvfree(malloc(10));
	lm_pages_free(NULL, 99);
	lm_vfree(NULL);
	return 0;
}
