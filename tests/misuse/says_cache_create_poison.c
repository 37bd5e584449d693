// says: libmalloc: bad argument: LM_CACHE_POISON cannot be used with a constructor or destructor (lm_cache_create)
// says: libmalloc: bad argument: LM_CACHE_POISON cannot be used with a constructor or destructor (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

static void change(void *object) { *(char *)object = 1; }

int main(void)
{
	int right = refused(lm_cache_create("c", 8, 0, LM_CACHE_POISON, change, NULL), EINVAL);

	right &= refused(lm_cache_create("c", 8, 0, LM_CACHE_POISON, NULL, change), EINVAL);
	return !right;
}
