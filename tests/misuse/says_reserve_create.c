// says: libmalloc: bad argument: minimum must be 1 or more (lm_reserve_create)
// says: libmalloc: bad argument: alloc_object and free_object must not be NULL (lm_reserve_create)
// says: libmalloc: bad argument: alloc_object and free_object must not be NULL (lm_reserve_create)
// says: libmalloc: bad argument: minimum must be 1 or more (lm_reserve_resize)
#include "misuse.h"
#include <libmalloc.h>

static void *get(unsigned flags, void *context) { return context != NULL ? context : lm_malloc(8, flags); }
static void put(void *object, void *context) { free(context != NULL ? NULL : object); }

int main(void)
{
	int right = refused(lm_reserve_create(0, get, put, NULL), EINVAL);

	right &= refused(lm_reserve_create(1, NULL, put, NULL), EINVAL);
	right &= refused(lm_reserve_create(1, get, NULL, NULL), EINVAL);
	struct lm_reserve *reserve = lm_reserve_create(1, get, put, NULL);
	right &= lm_reserve_resize(reserve, 0) == -1 && refused(NULL, EINVAL);
	lm_reserve_destroy(reserve);
	return !right;
}
