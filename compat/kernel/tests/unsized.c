/*
 * The length of a block is unknown: this program has a malloc_usable_size that always returns 0, as under valgrind. A
 * block that grows keeps its content.
 */
#include <libmalloc/kernel.h>

#include "check.h"

#ifdef __cplusplus
#define UNTHROWN noexcept
#else
#define UNTHROWN
#endif

size_t malloc_usable_size(void *block) UNTHROWN
{
	(void)block;
	return 0;
}

static void kept(unsigned char *block, size_t size)
{
	check(block != NULL && filled_with(block, 0x44, size));
	memset(block, 0x44, 2 * size);
}

int main(void)
{
	static const size_t sizes[] = {8, 24, 64, 100, 1024, 5000, 32768, 200000, 1 << 20};
	size_t i, size;
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		unsigned char *block = (unsigned char *)kmalloc(size = sizes[i], GFP_KERNEL);
		check(ksize(block) == 0);
		memset(block, 0x44, size);
		kept(block = (unsigned char *)krealloc(block, 2 * size, GFP_KERNEL), size);
		kept(block = (unsigned char *)kvrealloc(block, 4 * size, GFP_KERNEL), 2 * size);
		check(krealloc(block, 3 * size, GFP_KERNEL | __GFP_NORETRY) != NULL);
		kfree(kmalloc(size, GFP_KERNEL));
		block = (unsigned char *)vmalloc(size);
		memset(block, 0x44, size);
		kept(block = (unsigned char *)vrealloc(block, 2 * size, GFP_KERNEL), size);
		check(PAGE_ALIGNED(block));
		vfree(block);
	}
	return 0;
}
