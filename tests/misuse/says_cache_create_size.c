// says: libmalloc: bad argument: size must be 1 to 131072 (lm_cache_create)
// says: libmalloc: bad argument: size must be 1 to 131072 (lm_cache_create)
// says: libmalloc: bad argument: size with LM_CACHE_RED_ZONE must be at most 131064 less align (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_cache_create("c", 0, 0, 0, NULL, NULL), EINVAL);

	right &= refused(lm_cache_create("c", 131073, 0, 0, NULL, NULL), EINVAL);
	right &= refused(lm_cache_create("c", 131072, 0, LM_CACHE_RED_ZONE, NULL, NULL), EINVAL);
	return !right;
}
