// says: libmalloc: bad flags: LM_NOSYSCALL excludes LM_HUGE (lm_malloc)
// says: libmalloc: bad flags: LM_NORETRY excludes LM_NOFAIL (lm_malloc)
// says: libmalloc: bad flags: 0x100 is not a flag (lm_malloc)
// says: libmalloc: bad argument: size is too large: with LM_NOFAIL the call would wait for ever (lm_malloc)
// says: libmalloc: out of memory: 9223372036854775807 bytes (lm_malloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	int right = refused(lm_malloc(1, LM_NOSYSCALL | LM_HUGE), EINVAL);

	right &= refused(lm_malloc(1, LM_NORETRY | LM_NOFAIL), EINVAL);
	right &= refused(lm_malloc(1, 0x100), EINVAL);
	right &= refused(lm_malloc(SIZE_MAX / 2, LM_NOFAIL), EINVAL);
	right &= refused(lm_malloc(SIZE_MAX / 4, LM_NOWARN), ENOMEM);
	right &= refused(lm_malloc(SIZE_MAX / 4, LM_NOSYSCALL), ENOMEM);
	right &= refused(lm_malloc(SIZE_MAX / 2, 0), ENOMEM);
	return !right;
}
