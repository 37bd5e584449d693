// says: libmalloc: bad argument: alignment must be a power of two (lm_aligned)
// says: libmalloc: bad argument: alignment must be a power of two (lm_aligned)
// says: libmalloc: bad argument: alignment must be a power of two (lm_aligned)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_aligned(24, 100, 0), EINVAL);

	right &= refused(lm_aligned(0, 100, LM_ZERO), EINVAL);
	right &= refused(lm_aligned(SIZE_MAX, 100, LM_NOWARN), EINVAL);
	return !right;
}
