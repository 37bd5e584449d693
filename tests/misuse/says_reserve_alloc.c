// says: libmalloc: bad flags: LM_NOSYSCALL excludes LM_NOFAIL (lm_reserve_alloc)
// says: libmalloc: bad flags: 0x8000 is not a flag (lm_reserve_alloc)
// says: libmalloc: out of memory: 1 object (lm_reserve_alloc)
#include "misuse.h"
#include <libmalloc.h>

static int left = 1;
static void *get(unsigned flags, void *object) { return flags & LM_NOWARN && left-- > 0 ? object : NULL; }
static void put(void *object, void *context) { left += object == context; }

int main(void)
{
	struct lm_reserve *reserve = lm_reserve_create(1, get, put, &left);
	int right = refused(lm_reserve_alloc(reserve, LM_NOSYSCALL | LM_NOFAIL), EINVAL);

	right &= refused(lm_reserve_alloc(reserve, 0x8000), EINVAL);
	right &= lm_reserve_alloc(reserve, 0) == &left;
	right &= refused(lm_reserve_alloc(reserve, LM_NOWARN), ENOMEM);
	right &= refused(lm_reserve_alloc(reserve, LM_NOSYSCALL), EAGAIN);
	return right && refused(lm_reserve_alloc(reserve, 0), ENOMEM) ? 0 : 1;
}
