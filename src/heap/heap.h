/*
 * heap.h - allocation and free over all the layers below: what each entry point of libc and C++ is made of.
 *
 * The common case stands here, inlined into malloc and free: the size class, this thread's bin, one pop or push. The
 * rare cases leave through one test each. In malloc: a large request; an empty magazine, no thread cache yet,
 * M_PERTURB. In free: a full magazine, a block that is not small, a bad pointer.
 *
 * `function` is the entry point's name, for reports. Results and errno are those of malloc(3) in glibc 2.36.
 */
#ifndef LM_HEAP_HEAP_H
#define LM_HEAP_HEAP_H

#include "base/settings.h"
#include "magazine/bins.h"
#include "page/pagemap.h"

/* The rest of malloc: a request above TABLE_MAX_BYTES; then anything that missed. NULL sets errno to ENOMEM. */
void *heap_alloc_medium(size_t bytes);
void *heap_alloc_slow(size_t bytes);

/*
 * The rest of free: a pointer outside of the page map's window; then NULL, a full magazine, a block that is not small,
 * a bad pointer.
 */
void heap_free_outside(void *pointer, const char *function);
void heap_free_slow(void *pointer, const char *function);

/* Tries once to serve a request of at most 2^48 bytes; NULL, and errno stays, if there is no memory at hand. */
struct request;
void *heap_try(const struct request *request);

/* True if a size class serves a request of so many bytes: at most SMALL_MAX_BYTES, and below M_MMAP_THRESHOLD. */
static inline bool heap_is_small(size_t bytes)
{
	return bytes <= SMALL_MAX_BYTES && bytes < load_relaxed(&settings.mmap_threshold);
}

/* `count` objects of `bytes` each, zeroed; the product is checked. */
void *heap_calloc(size_t count, size_t bytes);

/* `bytes` at a multiple of `alignment`, a power of two. NULL sets errno to ENOMEM. */
void *heap_aligned(size_t alignment, size_t bytes);

/* The bytes that may be used from `pointer` on; 0 if no live block of ours begins there. */
size_t heap_usable(const void *pointer);

/* True if no block of ours begins at `pointer` and the malloc in front may own it. */
bool heap_may_be_in_front(const void *pointer);

static always_inline void *heap_alloc(size_t bytes)
{
	if (unlikely(bytes > TABLE_MAX_BYTES))
		return heap_alloc_medium(bytes);
	void *object = bin_pop(bin_of(load_relaxed(&size_class_table[bytes])));
	return likely(object != NULL) ? object : heap_alloc_slow(bytes);
}

static always_inline void heap_free(void *pointer, const char *function)
{
	size_t index = pagemap_window_index((uintptr_t)pointer);
	if (unlikely(index >= LEAF_PAGES)) {
		heap_free_outside(pointer, function);
		return;
	}
	struct bin *bin = bin_of(load_relaxed(&pagemap_window.class_of[index]));
	if (unlikely(!bin_push(bin, pointer, (uint32_t)(uintptr_t)pointer & bin->offset_mask)))
		heap_free_slow(pointer, function);
}

/* An object of this thread's, for a request of up to TABLE_MAX_BYTES; NULL if there is none. */
static always_inline void *heap_alloc_at_hand(size_t bytes)
{
	return bin_pop(bin_of(load_relaxed(&size_class_table[bytes])));
}

#endif
