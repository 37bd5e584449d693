// says: libmalloc: bad argument: size must be 1 or more (lm_pool_create)
// says: libmalloc: bad argument: chunks must be 1 or more (lm_pool_create)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_pool_create)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_pool_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_pool_create(0, 1, 0), EINVAL);

	right &= refused(lm_pool_create(1, 0, 0), EINVAL);
	right &= refused(lm_pool_create(1, 1, 24), EINVAL);
	right &= refused(lm_pool_create(1, 1, 8192), EINVAL);
	right &= refused(lm_pool_create(SIZE_MAX / 2, 3, 0), ENOMEM);
	return !right;
}
