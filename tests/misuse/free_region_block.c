// expect: interior pointer (free)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	
	free(show(lm_region_alloc(region, 100)));
	_exit(0);
}
