/* The second file of the program of two_files.c. */
#include <libmalloc/kernel.h>

#include "check.h"

DECLARE_PER_CPU(int, shared);
DECLARE_PER_CPU(int, row[2]);
static DEFINE_PER_CPU(long, others) = 2;
DEFINE_PER_CPU(short, another[2]) = {5, 6};
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
	this_cpu_inc(row[1]);
	check(this_cpu_read(others) == 2 && this_cpu_read(another[1]) == 6);
	return kmem_cache_create("of-the-other-file", 32, 0, 0, construct, NULL);
}
