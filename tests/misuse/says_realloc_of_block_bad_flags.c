// says: libmalloc: bad flags: LM_HUGE excludes LM_COLD (lm_realloc)
// says: libmalloc: bad argument: size is too large: with LM_NOFAIL the call would wait for ever (lm_realloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = (char *)malloc(100);
	int right = refused(lm_realloc(p, 200, LM_HUGE | LM_COLD), EINVAL);

	right &= refused(lm_realloc(p, SIZE_MAX / 2, LM_NOFAIL), EINVAL);
	free(p);
	return !right;
}
