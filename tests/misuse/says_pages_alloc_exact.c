// says: libmalloc: bad argument: size must be 1 to 4194304 (lm_pages_alloc_exact)
// says: libmalloc: bad argument: size must be 1 to 4194304 (lm_pages_alloc_exact)
// says: libmalloc: bad flags: LM_COLD cannot be used with this function (lm_pages_alloc_exact)
// says: libmalloc: bad flags: LM_NOSYSCALL excludes LM_NOFAIL (lm_pages_alloc_exact)
// says: libmalloc: out of memory: 4190208 bytes (lm_pages_alloc_exact)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_pages_alloc_exact(4194305, 0), EINVAL);

	right &= refused(lm_pages_alloc_exact(0, 0), EINVAL);
	right &= refused(lm_pages_alloc_exact(4190000, LM_COLD), EINVAL);
	right &= refused(lm_pages_alloc_exact(4190000, LM_NOSYSCALL | LM_NOFAIL), EINVAL);
	end_memory();
	while (lm_pages_alloc_exact(4190000, LM_NOWARN) != NULL)
		continue;
	return right && refused(lm_pages_alloc_exact(4190000, 0), ENOMEM) ? 0 : 1;
}
