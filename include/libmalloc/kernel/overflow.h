/*
 * libmalloc/kernel/overflow.h - sizes that do not wrap round: SIZE_MAX stands for all that do not fit, and no allocator
 * here has so much. libmalloc-kernel(3).
 */
#ifndef LIBMALLOC_KERNEL_OVERFLOW_H
#define LIBMALLOC_KERNEL_OVERFLOW_H

#include <stddef.h>
#include <stdint.h>

static inline size_t size_add(size_t first, size_t second)
{
	size_t sum;
	return __builtin_add_overflow(first, second, &sum) ? SIZE_MAX : sum;
}

static inline size_t size_mul(size_t first, size_t second)
{
	size_t product;
	return __builtin_mul_overflow(first, second, &product) ? SIZE_MAX : product;
}

/* size_sub - of what did not fit nothing that fits is left. */
static inline size_t size_sub(size_t first, size_t second)
{
	return first == SIZE_MAX || second == SIZE_MAX || second > first ? SIZE_MAX : first - second;
}

#define array_size(first, second) size_mul(first, second)
#define array3_size(first, second, third) size_mul(size_mul(first, second), third)

/* flex_array_size - the bytes of `count` elements of the array that ends *pointer. The pointer is not followed. */
#define flex_array_size(pointer, member, count) size_mul(count, sizeof(*(pointer)->member))

/* struct_size - of *pointer with `count` elements in the array that ends it. */
#define struct_size(pointer, member, count) size_add(sizeof(*(pointer)), flex_array_size(pointer, member, count))
#define struct_size_t(type, member, count) struct_size((type *)NULL, member, count)

#endif
