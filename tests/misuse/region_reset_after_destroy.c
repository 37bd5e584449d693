// expect: region already destroyed (lm_region_reset)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	lm_region_alloc(region, 16);

	show(region);
	lm_region_destroy(region);
	lm_region_reset(region);
	_exit(0);
}
