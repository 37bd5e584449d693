/*
 * resize.c - realloc(3).
 *
 * A block stays where it is while it fits and no more than a quarter of it would be unused. Large blocks move by
 * mremap, which copies nothing. Else a new block is filled and the old one freed; a failure leaves the old one alone.
 */
#include "base/bits.h"
#include "base/report.h"
#include "base/settings.h"
#include "large/large.h"
#include "malloc/heap.h"
#include "malloc/pointer.h"

#include <errno.h>
#include <string.h>

static bool fits_well(size_t usable, size_t bytes)
{
	return bytes <= usable && bytes >= usable - usable / 4;
}

static void *copy_to_new(void *pointer, size_t usable, size_t bytes, const char *function)
{
	void *block = heap_alloc(bytes);
	if (block == NULL)
		return NULL;
	memcpy(block, pointer, size_min(usable, bytes));
	heap_free(pointer, function);
	return block;
}

/* NULL: not to be done by resizing the mapping. */
void *heap_resize_mapping(void *pointer, size_t bytes)
{
	struct large *large = large_of((uintptr_t)pointer);
	if (large == NULL || bytes > PTRDIFF_MAX || bytes < setting(&settings.mmap_threshold))
		return NULL;
	return large_resize(large, bytes);
}

void heap_check_live(void *pointer, const char *function)
{
	unsigned size_class = pagemap_class((uintptr_t)pointer);
	if (size_class != 0 && bin_newest(bin_of(size_class)) == pointer)
		report_bad_pointer(REPORT_DOUBLE_FREE, pointer, function);
}

/* Neither stays where it is nor is freed: bytes > 0. */
static void *move(void *pointer, size_t usable, size_t bytes, const char *function)
{
	int saved = errno;
	void *block = heap_resize_mapping(pointer, bytes);
	if (block == NULL)
		block = copy_to_new(pointer, usable, bytes, function);
	if (block != NULL || bytes > usable)
		return block;
	/* There is no memory for a smaller block: the old one will do. */
	errno = saved;
	return pointer;
}

static noinline void *realloc_any(void *pointer, size_t bytes, const char *function)
{
	if (pointer == NULL)
		return heap_alloc(bytes);
	size_t usable = heap_usable(pointer);
	if (unlikely(usable == 0))
		return pointer_realloc_foreign(pointer, bytes, function);
	heap_check_live(pointer, function);
	if (bytes == 0) {
		heap_free(pointer, function);
		return NULL;
	}
	return fits_well(usable, bytes) ? pointer : move(pointer, usable, bytes, function);
}

/* The common case is a small object of the page map's window that stays or grows; what is wrong is told elsewhere. */
void *heap_realloc(void *pointer, size_t bytes, const char *function)
{
	size_t index = pagemap_window_index((uintptr_t)pointer);
	if (unlikely(index >= LEAF_PAGES))
		return realloc_any(pointer, bytes, function);
	unsigned size_class = pagemap_window_class(index);
	struct bin *bin = bin_of(size_class);
	if (unlikely(bytes == 0 || !bin_object_begins(bin, pointer) || bin_newest(bin) == pointer))
		return realloc_any(pointer, bytes, function);
	size_t usable = size_classes[size_class].bytes;
	if (likely(fits_well(usable, bytes)))
		return pointer;
	if (unlikely(bytes < usable))
		return move(pointer, usable, bytes, function);
	return copy_to_new(pointer, usable, bytes, function);
}
