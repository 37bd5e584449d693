// says: libmalloc: bad argument: alignment must be at most 4194304 with LM_DMA32 or LM_NOSYSCALL (lm_aligned)
// says: libmalloc: bad argument: alignment must be at most 4194304 with LM_DMA32 or LM_NOSYSCALL (lm_aligned)
// says: libmalloc: bad argument: alignment must be at most 4194304 with LM_DMA32 or LM_NOSYSCALL (lm_aligned)
// says: libmalloc: bad argument: alignment must be less than the size of the address space (lm_aligned)
// says: libmalloc: bad argument: alignment must be less than the size of the address space (lm_aligned)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_aligned(8 << 20, 10, LM_DMA32), EINVAL);

	right &= refused(lm_aligned(8 << 20, 10, LM_DMA32 | LM_NOFAIL | LM_NOWARN), EINVAL);
	right &= refused(lm_aligned(8 << 20, 10, LM_NOSYSCALL), EINVAL);
	right &= refused(lm_aligned((size_t)1 << 47, 10, 0), EINVAL);
	right &= refused(lm_aligned((size_t)1 << 63, 10, LM_NOFAIL), EINVAL);
	right &= lm_aligned(8 << 20, 10, 0) != NULL && lm_aligned(4 << 20, 10, LM_DMA32) != NULL;
	return !right;
}
