// expect: mark not valid for this region (lm_region_release)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	lm_region_alloc(region, 100);
	struct lm_region_mark mark = lm_region_mark(region);

	show(mark.block);
	lm_region_destroy(region);
	region = lm_region_create(0);
	lm_region_alloc(region, 100);
	lm_region_release(region, mark);
	_exit(0);
}
