/*
 * heap.h - allocation and free over all the layers below: what each entry point of libc and C++ is made of.
 *
 * The common case stands here, inlined into malloc and free: the size class, this thread's bin, one pop or push. All
 * that is rare leaves through one test each: a large request, an empty magazine, no thread cache yet, filling with
 * M_PERTURB on the way out of malloc; a full magazine, a block that is not small, a bad pointer on the way out of free.
 *
 * `function` is the entry point's name, for reports. Results and errno are those of malloc(3) in glibc 2.36.
 */
#ifndef LM_MALLOC_HEAP_H
#define LM_MALLOC_HEAP_H

#include "page/pagemap.h"
#include "slab/thread_cache.h"

#include <stddef.h>

/* The rest of malloc: a request above TABLE_MAX_BYTES; then anything that missed. NULL sets errno to ENOMEM. */
void *heap_alloc_medium(size_t bytes);
void *heap_alloc_slow(size_t bytes);

/*
 * The rest of free: whatever lies outside of the page map's window; then NULL, a full magazine, what is not small, a
 * bad pointer.
 */
void heap_free_outside(void *pointer, const char *function);
void heap_free_slow(void *pointer, const char *function);

/* A request as it stands: once; NULL and errno as it was where there is no memory at hand. Not above 2^48 bytes. */
struct request;
void *heap_try(const struct request *request);

/* Whether a request of so many bytes is for a size class, as M_MMAP_THRESHOLD has it. */
bool heap_is_small(size_t bytes);

/* `count` objects of `bytes` each, zeroed; the product is checked. */
void *heap_calloc(size_t count, size_t bytes);

/* realloc(3): NULL allocates, 0 bytes frees and yields NULL, failure leaves the block alone. */
void *heap_realloc(void *pointer, size_t bytes, const char *function);

/* `bytes` at a multiple of `alignment`, a power of two. NULL sets errno to ENOMEM. */
void *heap_aligned(size_t alignment, size_t bytes);

/* The steps of it: reports a block that was just freed; resizes a mapping as large_resize, NULL where it is none. */
void heap_check_live(void *pointer, const char *function);
void *heap_resize_mapping(void *pointer, size_t bytes);

/* The bytes that may be used from `pointer` on; 0 where no live block of ours begins. */
size_t heap_usable(const void *pointer);

/* An object of this thread's, for a request of up to TABLE_MAX_BYTES; NULL where there is none. */
static always_inline void *heap_alloc_at_hand(size_t bytes)
{
	unsigned size_class = atomic_load_explicit(&size_class_table[bytes], memory_order_relaxed);
	return bin_pop(bin_of(size_class));
}

static always_inline void *heap_alloc(size_t bytes)
{
	if (likely(bytes <= TABLE_MAX_BYTES)) {
		void *object = heap_alloc_at_hand(bytes);
		if (likely(object != NULL))
			return object;
		return heap_alloc_slow(bytes);
	}
	return heap_alloc_medium(bytes);
}

static always_inline void heap_free(void *pointer, const char *function)
{
	size_t index = pagemap_window_index((uintptr_t)pointer);
	if (likely(index < LEAF_PAGES)) {
		if (likely(bin_push(bin_of(pagemap_window_class(index)), pointer)))
			return;
		heap_free_slow(pointer, function);
		return;
	}
	heap_free_outside(pointer, function);
}

#endif
