// says: libmalloc: bad argument: size must be 1 to 32768 (lm_percpu_alloc)
// says: libmalloc: bad argument: size must be 1 to 32768 (lm_percpu_alloc)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_percpu_alloc)
// says: libmalloc: bad argument: align must be a power of two up to 4096, or 0 (lm_percpu_alloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_percpu_alloc(0, 0), EINVAL);

	right &= refused(lm_percpu_alloc(LM_PERCPU_SIZE_MAX + 1, 0), EINVAL);
	right &= refused(lm_percpu_alloc(8, 24), EINVAL);
	right &= refused(lm_percpu_alloc(8, 2 * LM_PERCPU_ALIGN_MAX), EINVAL);
	return !right;
}
