/* kmalloc and its family: sizes, alignment, zeros, limits, copies. */
#include <libmalloc/kernel.h>

#include "check.h"

struct thing {
	int number;
	char name[60];
};

static void nothing(void)
{
	void *block = kmalloc(0, GFP_KERNEL);
	check(block == ZERO_SIZE_PTR && ZERO_OR_NULL_PTR(block) && ZERO_OR_NULL_PTR(NULL));
	check(ksize(block) == 0 && ksize(NULL) == 0);
	kfree(block);
	kfree(NULL);
	kfree_sensitive(NULL);
	kzfree(ZERO_SIZE_PTR);
	check(kcalloc(0, 8, GFP_KERNEL) == ZERO_SIZE_PTR && kmalloc_array(8, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	block = krealloc(NULL, 24, GFP_KERNEL);
	check(block != NULL);
	check(krealloc(block, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	block = krealloc(ZERO_SIZE_PTR, 24, GFP_KERNEL);
	check(!ZERO_OR_NULL_PTR(block));
	kfree(block);
}

/* The address of a block is a multiple of the largest power of two that divides its size. */
static void alignment(void)
{
	static const size_t sizes[] = {8,    16,    24,     32,     48,      64,      96,      128,     192,    256,
				       512,  768,   1024,   2048,   4096,    8192,    12288,   65536,   98304,  131072,
				       1000, 40000, 262144, 524288, 1048576, 2097152, 3145728, 4194304, 100001, 136};
	void *blocks[ARRAY_LENGTH(sizes)][3];
	size_t i, j;
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		for (j = 0; j < 3; j++) {
			void *block = blocks[i][j] = kmalloc(sizes[i], GFP_KERNEL);
			check(block != NULL && ksize(block) >= sizes[i]);
			check(aligned_to(block, sizes[i] & -sizes[i]) && (sizes[i] < 16 || aligned_to(block, 8)));
			memset(block, (int)(i + j), sizes[i]);
		}
	}
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		for (j = 0; j < 3; j++) {
			check(filled_with(blocks[i][j], (unsigned char)(i + j), sizes[i]));
			kfree(blocks[i][j]);
		}
	}
}

static void limits(void)
{
	void *block = kmalloc(KMALLOC_MAX_SIZE, GFP_KERNEL);
	check(block != NULL);
	kfree(block);
	errno = 0;
	check(kmalloc(KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN) == NULL && errno == ENOMEM);
	check(kmalloc_array(SIZE_MAX / 2, 3, GFP_KERNEL | __GFP_NOWARN) == NULL);
	check(kcalloc(SIZE_MAX / 2 + 1, 2, GFP_KERNEL | __GFP_NOWARN) == NULL);
	block = kmalloc(100, GFP_KERNEL);
	check(krealloc_array(block, SIZE_MAX / 4, 5, GFP_KERNEL | __GFP_NOWARN) == NULL);
	check(krealloc(block, KMALLOC_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN) == NULL);
	kfree(block);
}

static void zeroed(size_t size)
{
	void *block = kmalloc(size, GFP_KERNEL);
	memset(block, 0xff, size);
	kfree(block);
	block = kzalloc(size, GFP_KERNEL);
	check(block != NULL && filled_with(block, 0, size));
	memset(block, 0xff, size);
	kfree(block);
	block = kcalloc(size / 8, 8, GFP_KERNEL);
	check(block != NULL && filled_with(block, 0, size / 8 * 8));
	kfree_sensitive(block);
}

/* The content stays, and the address has kmalloc's alignment for the new size. */
static void resized(void)
{
	size_t size = 1, next;
	unsigned char *block = (unsigned char *)kmalloc(size, GFP_KERNEL);
	block[0] = 0x5a;
	for (; size < KMALLOC_MAX_SIZE; size = next) {
		next = size + size / 2 + 1;
		if (size > 1000)
			next = (next + 4095) & ~(size_t)4095;
		if (next > KMALLOC_MAX_SIZE)
			next = KMALLOC_MAX_SIZE;
		block = (unsigned char *)krealloc(block, next, GFP_KERNEL);
		check(block != NULL && filled_with(block, 0x5a, size) && aligned_to(block, next & -next));
		memset(block, 0x5a, next);
	}
	block = (unsigned char *)krealloc(block, 64, GFP_KERNEL);
	check(filled_with(block, 0x5a, 64) && aligned_to(block, 64));
	kfree(block);
	block = (unsigned char *)krealloc(NULL, 40, GFP_KERNEL | __GFP_ZERO);
	block = (unsigned char *)krealloc(block, 5000, GFP_KERNEL | __GFP_ZERO);
	check(filled_with(block, 0, 5000));
	kfree(block);
}

/* With any flags a block keeps its place if the size fits. With __GFP_ZERO the bytes behind the size are zero. */
static void stays(void)
{
	static const size_t sizes[] = {64, 4096, 65536, 300000, 4 << 20};
	static const gfp_t flags[] = {GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC, GFP_KERNEL | __GFP_NOFAIL};
	size_t i, j;
	for (i = 0; i < ARRAY_LENGTH(sizes); i++) {
		for (j = 0; j < ARRAY_LENGTH(flags); j++) {
			unsigned char *block = (unsigned char *)kmalloc(sizes[i], GFP_KERNEL);
			size_t usable = ksize(block);
			memset(block, 0x77, usable);
			check(krealloc(block, sizes[i], flags[j]) == block);
			check(krealloc(block, sizes[i] / 2, flags[j]) == block);
			check(krealloc(block, usable - 1, flags[j]) == block && filled_with(block, 0x77, usable));
			check(krealloc(block, 8, flags[j] | __GFP_ZERO) == block && ksize(block) == usable);
			check(filled_with(block, 0x77, 8) && filled_with(block + 8, 0, usable - 8));
			kfree(block);
		}
	}
}

/* With GFP_NOWAIT no block moves, neither for its length nor for its alignment. With GFP_KERNEL it becomes aligned. */
static void moves(void)
{
	unsigned char *blocks[16];
	size_t i;
	for (i = 0; i < ARRAY_LENGTH(blocks); i++) {
		unsigned char *block = blocks[i] = (unsigned char *)kmalloc(48, GFP_KERNEL);
		memset(block, 0x33, 48);
		errno = 0;
		check(krealloc(block, 4096, GFP_NOWAIT) == NULL && errno == EAGAIN);
		check(krealloc(block, 4095, GFP_NOWAIT) == NULL && krealloc(block, 32, GFP_NOWAIT) == block);
		blocks[i] = (unsigned char *)krealloc(block, 32, GFP_KERNEL);
		check(aligned_to(blocks[i], 32) && filled_with(blocks[i], 0x33, 32));
		check((blocks[i] == block) == aligned_to(block, 32));
	}
	for (i = 0; i < ARRAY_LENGTH(blocks); i++)
		kfree(blocks[i]);
}

struct list {
	long count;
	int numbers[];
};

static void products(void)
{
	struct list *list = NULL;
	size_t huge = SIZE_MAX / 2;
	check(size_add(1, 2) == 3 && size_add(huge, huge) == SIZE_MAX - 1 && size_add(SIZE_MAX, 1) == SIZE_MAX);
	check(size_mul(3, 4) == 12 && size_mul(huge, 3) == SIZE_MAX && size_mul(SIZE_MAX, 0) == 0);
	check(size_sub(4, 3) == 1 && size_sub(3, 4) == SIZE_MAX && size_sub(SIZE_MAX, 1) == SIZE_MAX);
	check(array_size(5, 6) == 30 && array3_size(5, 6, 7) == 210 && array3_size(huge, 3, 1) == SIZE_MAX);
	check(flex_array_size(list, numbers, 10) == 40 && struct_size(list, numbers, 10) == sizeof(long) + 40);
	check(struct_size(list, numbers, huge) == SIZE_MAX && struct_size_t(struct list, numbers, 2) == sizeof(long) + 8);
	check(kmalloc(struct_size(list, numbers, huge), GFP_KERNEL) == NULL);
	list = (struct list *)kzalloc(struct_size(list, numbers, 10), GFP_KERNEL);
	check(list->numbers[9] == 0);
	kfree(list);
}

static void copies(void)
{
	char *string = kstrdup("the kernel's names", GFP_KERNEL), *other = kstrndup(string, 10, GFP_KERNEL);
	const char *constant = kstrdup_const("constant", GFP_KERNEL);
	check(strcmp(string, "the kernel's names") == 0 && strcmp(other, "the kernel") == 0);
	check(strcmp(constant, "constant") == 0);
	check(kstrdup(NULL, GFP_KERNEL) == NULL && kstrndup(NULL, 3, GFP_KERNEL) == NULL);
	kfree_const(constant);
	kfree(other);
	other = (char *)kmemdup(string, 19, GFP_KERNEL);
	check(memcmp(other, string, 19) == 0);
	kfree(other);
	other = (char *)kmemdup_array(string, 3, 6, GFP_KERNEL);
	check(memcmp(other, string, 18) == 0 && kmemdup(string, 0, GFP_KERNEL) == ZERO_SIZE_PTR);
	kfree(other);
	other = kmemdup_nul(string, 3, GFP_KERNEL);
	check(strcmp(other, "the") == 0);
	kfree(other);
	kfree(string);
	string = kasprintf(GFP_KERNEL, "%s-%d", "name", 42);
	check(strcmp(string, "name-42") == 0);
	kfree(string);
}

static void others(void)
{
	struct thing *thing = (struct thing *)kzalloc_node(sizeof(*thing), GFP_KERNEL, NUMA_NO_NODE);
	void *blocks[3];
	int *numbers;
	check(thing->number == 0);
	kfree(thing);
	thing = kzalloc_obj(*thing);
	numbers = kmalloc_objs(int, 100, GFP_ATOMIC);
	check(thing != NULL && thing->name[59] == 0 && numbers != NULL);
	kfree(thing);
	thing = kmalloc_obj(struct thing, GFP_KERNEL | __GFP_ZERO);
	check(thing->number == 0);
	kfree(numbers);
	numbers = kzalloc_objs(*numbers, 50);
	check(filled_with(numbers, 0, 50 * sizeof(*numbers)));
	check(kmalloc_objs(int, SIZE_MAX / 2, GFP_KERNEL | __GFP_NOWARN) == NULL);
	blocks[0] = thing;
	blocks[1] = numbers;
	blocks[2] = NULL;
	kfree_bulk(3, blocks);
	blocks[0] = kmalloc_node(10, GFP_KERNEL, 0);
	blocks[1] = kmalloc_array_node(10, 10, GFP_KERNEL, 0);
	blocks[2] = kcalloc_node(10, 10, GFP_KERNEL, 0);
	check(blocks[0] != NULL && blocks[1] != NULL && filled_with(blocks[2], 0, 100));
	kfree_bulk(3, blocks);
	kfree(__kmalloc(10, GFP_KERNEL));
}

static void flags(void)
{
	void *block = kmalloc(100, GFP_KERNEL | GFP_DMA32);
	check(block != NULL && (uintptr_t)block + 100 <= 1UL << 32);
	kfree(block);
	block = kmalloc(100, GFP_KERNEL | GFP_DMA);
	check(block != NULL && (uintptr_t)block + 100 <= 1UL << 32);
	kfree(block);
	block = kmalloc(100, GFP_ATOMIC);
	check(block != NULL);
	kfree(block);
	block = kmalloc(100, GFP_NOWAIT);
	if (block != NULL)
		kfree(block);
	block = kmalloc(100, GFP_KERNEL | __GFP_NOFAIL);
	check(block != NULL);
	kfree(block);
	block = kmalloc(4096, GFP_HIGHUSER | __GFP_COLD | __GFP_COMP | __GFP_NORETRY);
	check(block != NULL);
	kfree(block);
}

int main(void)
{
	nothing();
	alignment();
	limits();
	zeroed(40);
	zeroed(4096);
	zeroed(200000);
	resized();
	stays();
	moves();
	products();
	copies();
	others();
	flags();
	return 0;
}
