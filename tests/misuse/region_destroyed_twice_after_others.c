// expect: region already destroyed (lm_region_destroy)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	lm_region_alloc(region, 16);

	show(region);
	lm_region_destroy(region);
	for (int i = 0; i < 4095; i++)
		lm_region_destroy(lm_region_create(0));
	lm_region_create(0);
	lm_region_destroy(region);
	_exit(0);
}
