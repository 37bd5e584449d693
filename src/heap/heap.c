/* heap.c - malloc and free past the fast path: which layer serves a request, and what a freed pointer is. */
#include "heap/heap.h"

#include "heap/follow.h"
#include "heap/libc_heap.h"
#include "heap/perturb.h"
#include "heap/pointer.h"
#include "heap/request.h"
#include "large/large.h"
#include "large/run.h"
#include "magazine/thread_cache.h"
#include "os/report.h"
#include "slab/cache_alloc.h"

#include <errno.h>
#include <string.h>

/* The page map covers no more addresses: refused without a system call. From 2^47 bytes on the kernel refuses. */
#define REQUEST_MAX_BYTES ((size_t)1 << ADDRESS_BITS)

static void *large_block(const struct request *request)
{
	return large_alloc(request->bytes, request->alignment, request_content(request));
}

/* A request that no size class serves: its own mapping, or pages of the heap; if one is refused, the other. */
static void *block_alloc(const struct request *request)
{
	bool heap_cannot = request->alignment > (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT;
	bool mapped_first = heap_cannot || request->bytes >= load_relaxed(&settings.mmap_threshold);
	bool may_map = heap_cannot || large_is_allowed();
	void *block = NULL;
	if (mapped_first && may_map)
		block = large_block(request);
	if (block == NULL)
		block = request_run(request, ZONE_HEAP);
	if (block == NULL && !mapped_first && may_map)
		block = large_block(request);
	return block;
}

void *heap_try(const struct request *request)
{
	if (request->size_class != 0)
		return thread_cache_refill(request->size_class);
	return block_alloc(request);
}

/* NULL and ENOMEM when even giving back all that is idle does not help. */
static void *heap_serve(const struct request *request)
{
	void *block = likely(request->bytes <= REQUEST_MAX_BYTES) ? request_serve(request) : NULL;
	if (unlikely(block == NULL))
		errno = ENOMEM;
	else if (unlikely(perturb_is_on()) && (request->flags & LM_ZERO) == 0)
		perturb_allocated(block, request->bytes);
	return block;
}

noinline void *heap_alloc_slow(size_t bytes)
{
	struct request request = {
		.bytes = bytes,
		.size_class = heap_is_small(bytes) ? size_class_of(bytes) : 0,
		.attempt = heap_try,
	};
	return heap_serve(&request);
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

/* It may call a destructor of the program. */
static bool free_object(void *pointer, const char *function)
{
	const struct objects_of_caches *objects = objects_of_caches();
	int saved = errno;
	bool is_freed = objects != NULL && objects->free(pointer, function);
	errno = saved;
	return is_freed;
}

/* Libc's block, or a bad pointer. */
static cold void free_of_libc(void *pointer, const char *function)
{
	int saved = errno;
	pointer_check_libc(pointer, REPORT_DOUBLE_FREE, function);
	libc_heap_free(pointer);
	errno = saved;
}

noinline void heap_free_slow(void *pointer, const char *function)
{
	uintptr_t address = (uintptr_t)pointer;
	if (pointer == NULL)
		return;
	unsigned size_class = pagemap_class(address);
	if (size_class != 0)
		free_small(pointer, size_class, function);
	else if (!large_free(address) && !free_run(pointer) && !free_object(pointer, function))
		free_of_libc(pointer, function);
}

/* The same as heap_free, by the whole page map. */
noinline void heap_free_outside(void *pointer, const char *function)
{
	struct bin *bin = bin_of(pagemap_class((uintptr_t)pointer));
	if (unlikely(!bin_push(bin, pointer, (uint32_t)(uintptr_t)pointer & bin->offset_mask)))
		heap_free_slow(pointer, function);
}

/* For requests of a page and more. Only a slab can tell that its object is zero; a magazine cannot. */
static void *calloc_pages(size_t bytes)
{
	unsigned size_class = size_class_of(bytes);
	bool zeroed = false;
	void *object = bin_pop(bin_of(size_class));
	if (object == NULL && !thread_cache_was_dirty(size_class)) {
		object = cache_alloc_one(size_class, &zeroed);
		if (object != NULL)
			thread_cache_note_taken(size_class, zeroed);
	}
	if (unlikely(object == NULL))
		object = heap_alloc_slow(bytes);
	return zeroed || unlikely(object == NULL) ? object : memset(object, 0, bytes);
}

void *heap_calloc(size_t count, size_t bytes)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, bytes, &total)))
		total = SIZE_MAX;
	/* Clearing less than a page is cheaper than asking. */
	if (likely(total < PAGE_BYTES)) {
		void *object = heap_alloc(total);
		return likely(object != NULL) ? memset(object, 0, total) : NULL;
	}
	if (heap_is_small(total))
		return calloc_pages(total);
	return heap_serve(&(struct request){.bytes = total, .flags = LM_ZERO, .attempt = heap_try});
}

static cold void *aligned_slow(size_t alignment, size_t bytes)
{
	if (alignment <= CLASS_GRAIN_BYTES)
		return heap_alloc_slow(bytes);
	struct request request = {.bytes = bytes, .alignment = alignment, .attempt = heap_try};
	if (heap_is_small(bytes))
		request.size_class = size_class_aligned(bytes, alignment);
	void *block = request.size_class == 0 ? NULL : bin_pop(bin_of(request.size_class));
	return block != NULL ? block : heap_serve(&request);
}

/* Most often the class of the size, rounded up to a multiple of the alignment, is a multiple of it too. */
void *heap_aligned(size_t alignment, size_t bytes)
{
	size_t rounded = round_up(bytes, alignment);
	unsigned size_class = 0;
	if (likely(rounded <= TABLE_MAX_BYTES && rounded >= bytes))
		size_class = load_relaxed(&size_class_table[rounded]);
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
	const struct objects_of_caches *objects = objects_of_caches();
	return usable != 0 || objects == NULL ? usable : objects->usable(pointer);
}

bool heap_may_be_in_front(const void *pointer) { return unlikely(!follow_is_bound()) && heap_usable(pointer) == 0; }
