// expect: mark not valid for this region (lm_region_release)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	lm_region_alloc(region, 100);
	struct lm_region_mark early = lm_region_mark(region);
	lm_region_alloc(region, 100);
	struct lm_region_mark late = lm_region_mark(region);
	
	show(late.block);
	lm_region_release(region, early);
	lm_region_release(region, late);
	_exit(0);
}
