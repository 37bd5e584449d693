/*
 * libmalloc/kernel/overflow.h - sums and products of sizes that never wrap. A result that does not fit is SIZE_MAX.
 * No allocator here can give that many bytes. libmalloc-kernel(3).
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

/* size_sub - SIZE_MAX also if an argument is SIZE_MAX: it stands for a size that did not fit. */
static inline size_t size_sub(size_t first, size_t second)
{
	return first == SIZE_MAX || second == SIZE_MAX || second > first ? SIZE_MAX : first - second;
}

#define array_size(first, second) size_mul(first, second)
#define array3_size(first, second, third) size_mul(size_mul(first, second), third)

/* flex_array_size - the bytes of `count` elements of the array at the end of *pointer. It does not read *pointer. */
#define flex_array_size(pointer, member, count) size_mul(count, sizeof(*(pointer)->member))

/* struct_size - the bytes of *pointer with `count` elements in the array at its end. */
#define struct_size(pointer, member, count) size_add(sizeof(*(pointer)), flex_array_size(pointer, member, count))
#define struct_size_t(type, member, count) struct_size((type *)NULL, member, count)

#endif
