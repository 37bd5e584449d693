/* The other half of two_files.c. */
#include <libmalloc/kernel.h>

#include "check.h"

DECLARE_PER_CPU(int, shared);
#ifdef __cplusplus
extern "C"
#endif
struct kmem_cache *other_cache(void);

static void construct(void *object, struct kmem_cache *cache, unsigned long flags)
{
	check(cache != NULL && flags == SLAB_CTOR_CONSTRUCTOR);
	*(int *)object = 11;
}

struct kmem_cache *other_cache(void)
{
	preempt_disable();
	this_cpu_inc(shared);
	return kmem_cache_create("of-the-other-file", 32, 0, 0, construct, NULL);
}
