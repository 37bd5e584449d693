/*
 * heap.c - malloc and free past the fast path: which layer serves a request, and what a freed pointer is.
 */
#include "malloc/heap.h"

#include "base/report.h"
#include "base/settings.h"
#include "large/large.h"
#include "large/run.h"
#include "malloc/follow.h"
#include "malloc/perturb.h"
#include "malloc/pointer.h"
#include "malloc/shortage.h"
#include "page/buddy.h"
#include "slab/cache.h"
#include "slab/object_cache.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* More than any address space of today holds: refused without a system call. */
#define REQUEST_MAX_BYTES ((size_t)1 << ADDRESS_BITS)

/* Heap pages as a block; cleared if they must be and are not. */
static void *run_block(const struct request *request)
{
	bool zeroed;
	void *block = run_alloc(request->bytes, request->alignment, &zeroed);
	if (block != NULL && request->content == LARGE_ZEROED && !zeroed)
		memset(block, 0, request->bytes);
	return block;
}

/*
 * A malloc that the process has in front of ours, and that puts a header before each of its blocks, looks for one
 * before ours too when it is to free one. So there must be something to read, as there always is in glibc.
 */
static void *large_block(const struct request *request)
{
	if (likely(follow_is_bound()))
		return large_alloc(request->bytes, request->alignment, request->content);
	return large_alloc_with_front(request->bytes, request->alignment, request->content);
}

/* A request that no size class serves: its own mapping, or pages of the heap; where one is refused, the other. */
static void *block_alloc(const struct request *request)
{
	bool heap_cannot = request->alignment > (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT;
	bool mapped_first = heap_cannot || request->bytes >= setting(&settings.mmap_threshold);
	bool may_map = heap_cannot || large_is_allowed();
	void *block = NULL;
	if (mapped_first && may_map)
		block = large_block(request);
	if (block == NULL)
		block = run_block(request);
	if (block == NULL && !mapped_first && may_map)
		block = large_block(request);
	return block;
}

bool heap_is_small(size_t bytes)
{
	return bytes <= SMALL_MAX_BYTES && bytes < setting(&settings.mmap_threshold);
}

void *heap_try(const struct request *request)
{
	if (request->size_class != 0)
		return thread_cache_refill(request->size_class);
	return block_alloc(request);
}

/* NULL and ENOMEM when even giving back all that is idle does not help. */
static cold void *alloc_or_fail(const struct request *request)
{
	void *block = request->bytes > REQUEST_MAX_BYTES ? NULL : shortage_retry(request, heap_try);
	if (block == NULL)
		errno = ENOMEM;
	return block;
}

static void *serve(const struct request *request)
{
	void *block = likely(request->bytes <= REQUEST_MAX_BYTES) ? heap_try(request) : NULL;
	return likely(block != NULL) ? block : alloc_or_fail(request);
}

noinline void *heap_alloc_slow(size_t bytes)
{
	struct request request = {.bytes = bytes, .size_class = heap_is_small(bytes) ? size_class_of(bytes) : 0};
	void *block = serve(&request);
	if (unlikely(perturb_is_on()) && block != NULL)
		perturb_allocated(block, bytes);
	return block;
}

noinline void *heap_alloc_medium(size_t bytes)
{
	if (likely(heap_is_small(bytes))) {
		void *object = bin_pop(bin_of(size_class_of_medium(bytes)));
		if (likely(object != NULL))
			return object;
	}
	return heap_alloc_slow(bytes);
}

/* An object of a size class whose bin would not take it: the pointer is bad, or the magazine is full. */
static void free_small(void *pointer, unsigned size_class, const char *function)
{
	if (!object_begins(pointer, size_class))
		pointer_report(pointer, function);
	if (bin_newest(bin_of(size_class)) == pointer)
		report_bad_pointer(REPORT_DOUBLE_FREE, pointer, function);
	if (unlikely(perturb_is_on()))
		perturb_freed(pointer, size_classes[size_class].bytes);
	thread_cache_overflow(size_class, pointer, function);
}

static bool free_run(void *pointer)
{
	if (unlikely(perturb_is_on()))
		perturb_freed(pointer, run_usable((uintptr_t)pointer));
	return run_free((uintptr_t)pointer);
}

noinline void heap_free_slow(void *pointer, const char *function)
{
	uintptr_t address = (uintptr_t)pointer;
	if (pointer == NULL)
		return;
	unsigned size_class = pagemap_class(address);
	if (size_class != 0)
		free_small(pointer, size_class, function);
	else if (!large_free(address) && !free_run(pointer) && !object_free_any(pointer, function))
		pointer_free_foreign(pointer, function);
}

/* The same as heap_free, by the whole page map. */
noinline void heap_free_outside(void *pointer, const char *function)
{
	if (unlikely(!bin_push(bin_of(pagemap_class((uintptr_t)pointer)), pointer)))
		heap_free_slow(pointer, function);
}

/* An object whose memory is known to be zero is taken past the magazines, which do not know. NULL: take any. */
static void *calloc_pages(unsigned size_class, size_t bytes)
{
	bool zeroed = false;
	void *object = bin_pop(bin_of(size_class));
	if (object == NULL) {
		if (thread_cache_was_dirty(size_class))
			return NULL;
		object = cache_alloc_one(size_class, &zeroed);
		if (object != NULL)
			thread_cache_note_taken(size_class, zeroed);
	}
	if (object != NULL && !zeroed)
		memset(object, 0, bytes);
	return object;
}

/* Below a page, clearing is cheaper than asking. */
enum { ASK_ZEROED_BYTES = PAGE_BYTES };

void *heap_calloc(size_t count, size_t bytes)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, bytes, &total)))
		total = SIZE_MAX;
	if (likely(total < ASK_ZEROED_BYTES)) {
		void *object = heap_alloc(total);
		return likely(object != NULL) ? memset(object, 0, total) : NULL;
	}
	struct request request = {.bytes = total, .content = LARGE_ZEROED};
	if (!heap_is_small(total))
		return serve(&request);
	void *object = calloc_pages(size_class_of(total), total);
	if (unlikely(object == NULL)) {
		object = heap_alloc_slow(total);
		if (object != NULL)
			memset(object, 0, total);
	}
	return object;
}

static noinline void *aligned_slow(size_t alignment, size_t bytes)
{
	if (alignment <= CLASS_GRAIN_BYTES)
		return heap_alloc(bytes);
	struct request request = {.bytes = bytes, .alignment = alignment};
	if (heap_is_small(bytes))
		request.size_class = size_class_aligned(bytes, alignment);
	void *block = request.size_class == 0 ? NULL : bin_pop(bin_of(request.size_class));
	if (block == NULL)
		block = serve(&request);
	if (unlikely(perturb_is_on()) && block != NULL)
		perturb_allocated(block, bytes);
	return block;
}

/* Most often the class of the size, rounded up to a multiple of the alignment, is a multiple of it too. */
void *heap_aligned(size_t alignment, size_t bytes)
{
	size_t rounded = round_up(bytes, alignment);
	unsigned size_class = 0;
	if (likely(rounded <= TABLE_MAX_BYTES && rounded >= bytes))
		size_class = atomic_load_explicit(&size_class_table[rounded], memory_order_relaxed);
	else if (heap_is_small(rounded) && rounded >= bytes)
		size_class = size_class_of_medium(rounded);
	if (unlikely((size_classes[size_class].bytes & (alignment - 1)) != 0))
		return aligned_slow(alignment, bytes);
	void *object = bin_pop(bin_of(size_class));
	return likely(object != NULL) ? object : aligned_slow(alignment, bytes);
}

size_t heap_usable(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	unsigned size_class = pagemap_class(address);
	if (likely(size_class != 0))
		return object_begins(pointer, size_class) ? size_classes[size_class].bytes : 0;
	struct large *large = large_of(address);
	if (large != NULL)
		return large_usable(large);
	size_t usable = run_usable(address);
	return usable != 0 ? usable : object_usable(pointer);
}
