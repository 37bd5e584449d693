/* vmalloc and kvmalloc: sizes, the guard page, zeros, resizing. */
#include <libmalloc/kernel.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

/* An access to the byte behind the last page faults. */
static void guarded(size_t size)
{
	volatile char *range = (volatile char *)vmalloc(size);
	size_t whole = PAGE_ALIGN(size);
	int status;
	check(range != NULL && PAGE_ALIGNED(range));
	range[0] = range[whole - 1] = 1;
	if (fork() == 0) {
		signal(SIGSEGV, SIG_DFL);
		range[whole] = 1;
		_exit(0);
	}
	check(wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	vfree((const void *)range);
}

static void ranges(void)
{
	void *range = vzalloc(3 << 20);
	check(filled_with(range, 0, 3 << 20));
	memset(range, 1, 3 << 20);
	vfree(range);
	vfree(NULL);
	check(vmalloc(0) == NULL);
	range = vmalloc_user(5000);
	check(filled_with(range, 0, 5000));
	vfree(range);
	range = vcalloc(1000, 9);
	check(filled_with(range, 0, 9000));
	vfree(range);
	check(vmalloc_array(SIZE_MAX / 2, 4) == NULL && vcalloc(SIZE_MAX / 2, 4) == NULL);
	vfree(vmalloc_array(10, 10));
	vfree(vmalloc_node(10, 0));
	vfree(vzalloc_node(10, 0));
	vfree(vmalloc_huge(4 << 20, GFP_KERNEL));
	vfree(__vmalloc(10, GFP_KERNEL));
	vfree(__vmalloc(10, GFP_KERNEL | __GFP_HIGHMEM, PAGE_KERNEL));
	range = vrealloc(NULL, 5000, GFP_KERNEL);
	memset(range, 3, 5000);
	range = vrealloc(range, 50000, GFP_KERNEL | __GFP_ZERO);
	check(filled_with(range, 3, 5000) && filled_with((char *)range + 8192, 0, 50000 - 8192));
	check(vrealloc(range, 0, GFP_KERNEL) == NULL);
}

static void either(void)
{
	static const size_t sizes[] = {1, 4096, 5000, 130000, 1 << 20, 20 << 20};
	size_t i;
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		void *block = kvmalloc(sizes[i], GFP_KERNEL);
		check(block != NULL);
		memset(block, 0xee, sizes[i]);
		kvfree(block);
		block = kvzalloc(sizes[i], GFP_KERNEL);
		check(filled_with(block, 0, sizes[i]));
		kvfree_sensitive(block, sizes[i]);
		kvfree(kmalloc(sizes[i] > KMALLOC_MAX_SIZE ? KMALLOC_MAX_SIZE : sizes[i], GFP_KERNEL));
		kvfree(vmalloc(sizes[i]));
	}
	check(kvmalloc(0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kvfree(ZERO_SIZE_PTR);
	kvfree(NULL);
	check(kvmalloc((size_t)INT_MAX + 1, GFP_KERNEL | __GFP_NOWARN) == NULL);
	check(kvmalloc_array(SIZE_MAX / 2, 4, GFP_KERNEL) == NULL && kvcalloc(SIZE_MAX / 2, 4, GFP_KERNEL) == NULL);
	kvfree(kvmalloc_array(10, 10, GFP_KERNEL));
	kvfree(kvcalloc(10, 10, GFP_KERNEL));
	kvfree(kvmalloc_node(10, GFP_KERNEL, 0));
	kvfree(kvzalloc_node(10, GFP_KERNEL, 0));
}

/* Both forms of kvrealloc: with the old size, as up to 6.11, and without. */
static void resized(void)
{
	char *block = (char *)kvrealloc(NULL, 100, GFP_KERNEL);
	memset(block, 9, 100);
	block = (char *)kvrealloc(block, 100, 1 << 20, GFP_KERNEL);
	check(filled_with(block, 9, 100));
	memset(block, 9, 1 << 20);
	block = (char *)kvrealloc(block, 10 << 20, GFP_KERNEL);
	check(filled_with(block, 9, 1 << 20));
	block = (char *)kvrealloc(block, 5000, GFP_KERNEL);
	check(filled_with(block, 9, 5000));
	check(kvrealloc(block, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	block = (char *)kvrealloc(NULL, 100 << 10, GFP_KERNEL | __GFP_ZERO);
	memset(block, 9, 100 << 10);
	block = (char *)kvrealloc(block, 90 << 10, GFP_KERNEL | __GFP_ZERO);
	block = (char *)kvrealloc(block, 100 << 10, GFP_KERNEL | __GFP_ZERO);
	check(filled_with(block, 9, 90 << 10) && filled_with(block + (90 << 10), 0, 10 << 10));
	kvfree(block);
}

/* A block keeps its place if the size fits. With GFP_NOWAIT a larger size fails, and the block stays as it was. */
static void stays(void)
{
	char *block = (char *)kvmalloc(20 << 20, GFP_KERNEL), *copy;
	size_t usable = ksize(block);
	memset(block, 5, usable);
	check(kvrealloc(block, 10 << 20, GFP_NOWAIT) == block && kvrealloc(block, usable - 1, GFP_KERNEL) == block);
	errno = 0;
	check(kvrealloc(block, 30 << 20, GFP_NOWAIT) == NULL && errno == EAGAIN && filled_with(block, 5, usable));
	check(kvrealloc(block, 100, GFP_KERNEL | __GFP_ZERO) == block);
	check(filled_with(block, 5, 100) && filled_with(block + 100, 0, usable - 100));
	copy = (char *)kvmemdup(block, 2000000, GFP_KERNEL);
	check(copy != block && memcmp(copy, block, 2000000) == 0 && kvmemdup(block, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kvfree(copy);
	kvfree(block);
	block = (char *)vmalloc(5000);
	memset(block, 5, 5000);
	check(vrealloc(block, 10, GFP_KERNEL | __GFP_ZERO) == block && filled_with(block, 5, 10));
	check(filled_with(block + 10, 0, ksize(block) - 10));
	vfree(block);
}

int main(void)
{
	stays();
	guarded(100);
	guarded(PAGE_SIZE);
	guarded(5 * PAGE_SIZE + 1);
	ranges();
	either();
	resized();
	return 0;
}
