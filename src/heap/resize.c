/* resize.c - see resize.h. */
#include "heap/resize.h"

#include "base/bits.h"
#include "base/settings.h"
#include "heap/heap.h"
#include "heap/libc_heap.h"
#include "heap/pointer.h"
#include "large/large.h"
#include "os/report.h"

#include <errno.h>
#include <string.h>

enum { CHEAP_COPY_BYTES = 1024 }; /* a copy of this much costs less than what a bad fit wastes */

static bool fits_well(size_t usable, size_t bytes) { return bytes <= usable && bytes >= usable - usable / 4; }

static void *copy_to_new(void *pointer, size_t usable, size_t bytes, const char *function)
{
	void *block = heap_alloc(bytes);
	if (block == NULL)
		return NULL;
	memcpy(block, pointer, size_min(usable, bytes));
	heap_free(pointer, function);
	return block;
}

void *heap_resize_mapping(void *pointer, size_t bytes)
{
	struct large *large = large_of((uintptr_t)pointer);
	if (large == NULL || bytes > PTRDIFF_MAX || bytes < load_relaxed(&settings.mmap_threshold))
		return NULL;
	return large_resize(large, bytes);
}

bool heap_keeps_shrunk(const void *pointer, size_t usable, size_t bytes)
{
	return usable > CHEAP_COPY_BYTES && bytes <= usable && bytes >= usable - usable / 16 * 9 &&
	       large_of((uintptr_t)pointer) == NULL;
}

void heap_check_live(void *pointer, const char *function)
{
	unsigned size_class = pagemap_class((uintptr_t)pointer);
	if (size_class != 0 && bin_newest(bin_of(size_class)) == pointer)
		report_bad_pointer(REPORT_FREED, pointer, function);
}

/* A new block would be no smaller. */
static bool is_of_its_class(const void *pointer, size_t bytes)
{
	return heap_is_small(bytes) && size_class_of(bytes) == pagemap_class((uintptr_t)pointer);
}

/* The block does not fit well, and bytes > 0. */
static cold void *move_or_shrink(void *pointer, size_t usable, size_t bytes, const char *function)
{
	int saved = errno;
	if (is_of_its_class(pointer, bytes) || heap_keeps_shrunk(pointer, usable, bytes))
		return pointer;
	void *block = heap_resize_mapping(pointer, bytes);
	if (block == NULL)
		block = copy_to_new(pointer, usable, bytes, function);
	if (block != NULL || bytes > usable)
		return block;
	/* There is no memory for a smaller block: the old one stays. */
	errno = saved;
	return pointer;
}

/* Libc's block, or a bad pointer. */
static cold void *realloc_of_libc(void *pointer, size_t bytes, const char *function)
{
	pointer_check_libc(pointer, REPORT_FREED, function);
	return libc_heap_realloc(pointer, bytes);
}

static cold void *realloc_any(void *pointer, size_t bytes, const char *function)
{
	if (pointer == NULL)
		return heap_alloc(bytes);
	size_t usable = heap_usable(pointer);
	if (unlikely(usable == 0))
		return realloc_of_libc(pointer, bytes, function);
	heap_check_live(pointer, function);
	if (bytes == 0) {
		heap_free_outside(pointer, function);
		return NULL;
	}
	return fits_well(usable, bytes) ? pointer : move_or_shrink(pointer, usable, bytes, function);
}

/* The common case is a small object of the page map's window that stays or grows. Bad pointers leave it. */
void *heap_realloc(void *pointer, size_t bytes, const char *function)
{
	size_t index = pagemap_window_index((uintptr_t)pointer);
	if (unlikely(index >= LEAF_PAGES))
		return realloc_any(pointer, bytes, function);
	unsigned size_class = load_relaxed(&pagemap_window.class_of[index]);
	struct bin *bin = bin_of(size_class);
	if (unlikely(bytes == 0 || !bin_object_begins(bin, pointer) || bin_newest(bin) == pointer))
		return realloc_any(pointer, bytes, function);
	size_t usable = size_classes[size_class].bytes;
	if (likely(fits_well(usable, bytes)))
		return pointer;
	if (unlikely(bytes < usable))
		return move_or_shrink(pointer, usable, bytes, function);
	return copy_to_new(pointer, usable, bytes, function);
}
