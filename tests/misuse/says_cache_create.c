// says: libmalloc: bad argument: name must be 1 to 127 characters without blanks or control characters (lm_cache_create)
// says: libmalloc: bad argument: name must be 1 to 127 characters without blanks or control characters (lm_cache_create)
// says: libmalloc: bad argument: name must be 1 to 127 characters without blanks or control characters (lm_cache_create)
// says: libmalloc: bad argument: name must be 1 to 127 characters without blanks or control characters (lm_cache_create)
// says: libmalloc: bad argument: flags must be LM_CACHE_... of libmalloc/cache.h (lm_cache_create)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_cache_create)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_cache_create(NULL, 8, 0, 0, NULL, NULL), EINVAL);

	right &= refused(lm_cache_create("a b", 8, 0, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("a\tb", 8, 0, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("a\177", 8, 0, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 0, 1u << 31, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 24, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 8, 8192, 0, NULL, NULL), EINVAL);
	return !right;
}
