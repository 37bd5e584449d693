/* Two files of one program share the slots, locks and tables that the headers define. The other: two_files.other.c. */
#include <libmalloc/kernel.h>

#include "check.h"

DEFINE_PER_CPU(int, shared) = 2;
DEFINE_PER_CPU(int, row[2]) = {7, 8};
static DEFINE_PER_CPU(long, own) = 1;
#ifdef __cplusplus
extern "C"
#endif
struct kmem_cache *other_cache(void);

int main(void)
{
	struct kmem_cache *cache = other_cache();
	unsigned int cpu = smp_processor_id();
	int *object;
	check(this_cpu_read(own) == 1 && this_cpu_read(row[1]) == 9);
	check(cpu < nr_cpu_ids && get_cpu_var(shared) == 3);
	put_cpu_var(shared);
	preempt_enable(); /* the other file's preempt_disable */
	object = (int *)kmem_cache_alloc(cache, GFP_KERNEL);
	check(*object == 11);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	return 0;
}
