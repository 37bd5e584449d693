// says: libmalloc: bad argument: order must be 0 to 10 (lm_pages_alloc)
// says: libmalloc: bad flags: LM_COLD cannot be used with this function (lm_pages_alloc)
// says: libmalloc: bad flags: LM_NOSYSCALL excludes LM_NOFAIL (lm_pages_alloc)
// says: libmalloc: out of memory: 4194304 bytes (lm_pages_alloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_pages_alloc(11, 0), EINVAL);

	right &= refused(lm_pages_alloc(10, LM_COLD), EINVAL);
	right &= refused(lm_pages_alloc(10, LM_NOSYSCALL | LM_NOFAIL), EINVAL);
	end_memory();
	while (lm_pages_alloc(10, LM_NOWARN) != NULL)
		continue;
	return right && refused(lm_pages_alloc(10, 0), ENOMEM) ? 0 : 1;
}
