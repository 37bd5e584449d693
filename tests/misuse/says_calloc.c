// says: libmalloc: bad flags: LM_NOSYSCALL excludes LM_HUGE (lm_calloc)
// says: libmalloc: bad flags: LM_NORETRY excludes LM_NOFAIL (lm_calloc)
// says: libmalloc: bad flags: 0x100 is not a flag (lm_calloc)
// says: libmalloc: bad argument: size is too large: with LM_NOFAIL the call would wait for ever (lm_calloc)
// says: libmalloc: out of memory: 9223372036854775807 bytes (lm_calloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_calloc(1, 1, LM_NOSYSCALL | LM_HUGE), EINVAL);

	right &= refused(lm_calloc(1, 1, LM_NORETRY | LM_NOFAIL), EINVAL);
	right &= refused(lm_calloc(1, 1, 0x100), EINVAL);
	right &= refused(lm_calloc(SIZE_MAX / 2, 1, LM_NOFAIL), EINVAL);
	right &= refused(lm_calloc(SIZE_MAX / 4, 1, LM_NOWARN), ENOMEM);
	right &= refused(lm_calloc(SIZE_MAX / 4, 1, LM_NOSYSCALL), ENOMEM);
	right &= refused(lm_calloc(SIZE_MAX / 2, 1, 0), ENOMEM);
	return !right;
}
