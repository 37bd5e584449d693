// says: libmalloc: bad argument: the size is not 1 to LM_PERCPU_SIZE_MAX bytes (lm_percpu_alloc)
// says: libmalloc: bad argument: the size is not 1 to LM_PERCPU_SIZE_MAX bytes (lm_percpu_alloc)
// says: libmalloc: bad argument: the alignment is no power of two up to LM_PERCPU_ALIGN_MAX (lm_percpu_alloc)
// says: libmalloc: bad argument: the alignment is no power of two up to LM_PERCPU_ALIGN_MAX (lm_percpu_alloc)
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
