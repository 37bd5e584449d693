// says: libmalloc: bad argument: name is to be 1 to 127 characters, none of them a blank (lm_cache_create)
// says: libmalloc: bad argument: name is to be 1 to 127 characters, none of them a blank (lm_cache_create)
// says: libmalloc: bad argument: flags are to be LM_CACHE_... of libmalloc/cache.h (lm_cache_create)
// says: libmalloc: bad argument: align is to be a power of two up to 4096, or 0 (lm_cache_create)
// says: libmalloc: bad argument: align is to be a power of two up to 4096, or 0 (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_cache_create(NULL, 8, 0, 0, NULL, NULL), EINVAL);

	right &= refused(lm_cache_create("a b", 8, 0, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 0, 1u << 31, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 24, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 8192, 0, NULL, NULL), EINVAL);
	return !right;
}
