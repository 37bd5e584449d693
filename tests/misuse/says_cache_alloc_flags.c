// says: libmalloc: bad flags: LM_DMA32 cannot be used with this function (lm_cache_alloc_flags)
// says: libmalloc: bad flags: LM_NORETRY excludes LM_NOFAIL (lm_cache_alloc_flags)
// says: libmalloc: bad argument: LM_ZERO cannot be used with a constructor (lm_cache_alloc_flags)
// says: libmalloc: out of memory: 500 bytes (lm_cache_alloc_flags)
#include "cache.h"

static void construct(void *object) { memset(object, 1, 500); }

int main(void)
{
	struct lm_cache *plain = cache_of(500, 0), *made = lm_cache_create("made", 500, 0, 0, construct, NULL);
	int right = refused(lm_cache_alloc_flags(plain, LM_DMA32), EINVAL);

	right &= refused(lm_cache_alloc_flags(plain, LM_NORETRY | LM_NOFAIL), EINVAL);
	right &= refused(lm_cache_alloc_flags(made, LM_ZERO), EINVAL);
	end_memory();
	while (lm_cache_alloc(plain) != NULL)
		continue;
	return right && refused(lm_cache_alloc_flags(plain, 0), ENOMEM) ? 0 : 1;
}
