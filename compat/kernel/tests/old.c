/* The calls that books and tutorials about kernels around 2.6 teach, in the forms that they give. */
#include <libmalloc/kernel.h>

#include "check.h"

static void construct(void *object, kmem_cache_t *cache, unsigned long flags)
{
	check(cache != NULL);
	if ((flags & (SLAB_CTOR_VERIFY | SLAB_CTOR_CONSTRUCTOR)) == SLAB_CTOR_CONSTRUCTOR)
		*(int *)object = 1;
}

DEFINE_PER_CPU(int, name);

int main(void)
{
	kmem_cache_t *cache = kmem_cache_create("old", 64, 0, SLAB_HWCACHE_ALIGN, construct, NULL);
	int *object = (int *)kmem_cache_alloc(cache, SLAB_KERNEL);
	struct page *page = alloc_page(GFP_HIGHUSER);
	unsigned long pages = __get_free_pages(GFP_KERNEL, 10), *foo;
	void *percpu_ptr = alloc_percpu(unsigned long), *mapping;

	check(*object == 1);
	kmem_cache_free(cache, object);
	kmem_cache_destroy(cache);
	free_pages(get_free_pages(GFP_KERNEL, 1), 1);
	check(pages != 0 && __get_free_pages(GFP_KERNEL | __GFP_NOWARN, 11) == 0);
	free_pages(pages, 10);

	mapping = kmap(page);
	memset(mapping, 1, PAGE_SIZE);
	kunmap(page);
	mapping = kmap_atomic(page, KM_USER0);
	check(*(char *)mapping == 1);
	kunmap_atomic(mapping, KM_USER0);
	__free_pages(page, 0);

	get_cpu_var(name)++;
	put_cpu_var(name);
	check(percpu_ptr != NULL);
	foo = (unsigned long *)get_cpu_var(percpu_ptr);
	*foo = 4;
	put_cpu_var(percpu_ptr);
	free_percpu(percpu_ptr);

	kfree(kmalloc(128 << 10, GFP_DMA | GFP_KERNEL));
	vfree(vmalloc(1 << 30));
	free_page(get_zeroed_page(GFP_NOFS));
	free_page(__get_free_page(GFP_NOIO | __GFP_REPEAT | __GFP_HIGH));
	return 0;
}
