// says: libmalloc: bad argument: align must be a power of two up to 4096 (lm_region_aligned)
// says: libmalloc: bad argument: align must be a power of two up to 4096 (lm_region_aligned)
// says: libmalloc: bad argument: align must be a power of two up to 4096 (lm_region_aligned)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_region *region = lm_region_create(0);
	int right = refused(lm_region_aligned(region, 0, 8), EINVAL);

	right &= refused(lm_region_aligned(region, 24, 8), EINVAL);
	right &= refused(lm_region_aligned(region, 8192, 8), EINVAL);
	right &= refused(lm_region_alloc(region, SIZE_MAX / 2), ENOMEM);
	lm_region_destroy(region);
	return !right;
}
