/*
 * malloc.c - malloc with flags (libmalloc/alloc.h, libmalloc/flags.h).
 *
 * The first flag that applies decides which memory serves a request:
 *
 *      LM_DMA32       slabs of the request's size class in ZONE_DMA32; above 128 KiB whole pages of this zone
 *      LM_NOSYSCALL   existing slabs, then existing pages, under locks that nobody holds (os/lock.h, quiet). A small
 *                     request takes an object of any larger class too. Not this thread's magazines: a signal handler
 *                     may have interrupted malloc or free between two stores to them
 *      LM_COLD        not the magazines, but the slab with most free objects; a large block is a fresh mapping
 *      LM_HUGE        from 2 MiB on, a mapping of huge pages
 *      none           like malloc
 *
 * So a block is a slab's object, a run or a large block like any other; free, realloc and malloc_usable_size need not
 * know its flags.
 *
 * LM_ZERO zeroes all usable bytes of a block. lm_realloc with LM_ZERO also zeroes what a block that stays in place no
 * longer uses. So if all calls for a block had the flag, the bytes by which it grows are zero.
 *
 * If the process is bound to another malloc (heap/follow.h), blocks still come from our heap. lm_realloc of a block of
 * another malloc calls that malloc's realloc.
 */
#include "base/bits.h"
#include "heap/flags.h"
#include "heap/follow.h"
#include "heap/heap.h"
#include "heap/perturb.h"
#include "heap/request.h"
#include "heap/resize.h"
#include "large/large.h"
#include "slab/cache_alloc.h"

#include <errno.h>
#include <libmalloc/alloc.h>
#include <string.h>

#define HUGE_BYTES ((size_t)HUGE_PAGES << PAGE_SHIFT)
#define ZONE_ALIGN_MAX ((size_t)BUDDY_MAX_PAGES << PAGE_SHIFT) /* of a run of a zone */

static bool has(const struct request *request, unsigned flags) { return (request->flags & flags) != 0; }

static void *object_of(const struct request *request, enum cache_part part)
{
	bool zeroed = false;
	void *object = cache_alloc_part(request->size_class, part, request_how(request), &zeroed);
	bool is_right = object == NULL || zeroed || !has(request, LM_ZERO);
	return is_right ? object : memset(object, 0, size_classes[request->size_class].bytes);
}

/* An object of the next classes that have slabs already. */
static void *larger_object_of(const struct request *request, enum cache_part part)
{
	struct request larger = *request;
	void *object = NULL;
	while (object == NULL && ++larger.size_class < CLASS_COUNT)
		if (request->alignment == 0 ||
		    size_classes[larger.size_class].bytes % request->alignment == 0)
			object = object_of(&larger, part);
	return object;
}

/* For LM_DMA32 and LM_NOSYSCALL. Only the latter takes other memory than the request's size class says. */
static cold void *zone_block_of(const struct request *request, enum cache_part part, enum zone_id zone)
{
	if (request->size_class == 0)
		return request_run(request, zone);
	void *block = object_of(request, part);
	if (block != NULL || !has(request, LM_NOSYSCALL))
		return block;
	block = larger_object_of(request, part);
	return block != NULL ? block : request_run(request, zone);
}

/* A large block is not one of the cache of freed mappings, which may have been in use just now. */
static cold void *cold_block_of(const struct request *request)
{
	if (request->size_class != 0)
		return object_of(request, CACHE_COLD);
	void *block = NULL;
	if (large_is_allowed())
		block = large_alloc(request->bytes, request->alignment, LARGE_FRESH);
	return block != NULL ? block : request_run(request, ZONE_HEAP);
}

static void *usual_block_of(const struct request *request)
{
	unsigned size_class = request->size_class;
	void *block = size_class != 0 ? bin_pop(bin_of(size_class)) : NULL;
	if (block == NULL)
		block = heap_try(request);
	bool is_right = block == NULL || size_class == 0 || !has(request, LM_ZERO);
	return is_right ? block : memset(block, 0, size_classes[size_class].bytes);
}

static cold void *attempt_by_flags(const struct request *request)
{
	void *block = NULL;
	if (has(request, LM_DMA32))
		return zone_block_of(request, CACHE_LOW, ZONE_DMA32);
	if (has(request, LM_NOSYSCALL))
		return zone_block_of(request, CACHE_ANY, ZONE_HEAP);
	if (has(request, LM_COLD))
		return cold_block_of(request);
	if (has(request, LM_HUGE) && request->bytes >= HUGE_BYTES && large_is_allowed())
		block = large_alloc_huge(request->bytes, request->alignment);
	return block != NULL ? block : usual_block_of(request);
}

static struct request request_with_flags(size_t bytes, size_t alignment, unsigned flags, const char *function)
{
	struct request request = {
		.bytes = bytes,
		.alignment = alignment <= CLASS_GRAIN_BYTES ? 0 : alignment,
		.flags = flags,
		.function = function,
		.attempt = attempt_by_flags,
	};
	/* M_MMAP_THRESHOLD is only for malloc's memory. */
	bool is_special = has(&request, LM_DMA32 | LM_NOSYSCALL | LM_COLD);
	if (is_special ? bytes <= SMALL_MAX_BYTES : heap_is_small(bytes))
		request.size_class = request.alignment == 0 ? size_class_of(bytes)
							    : size_class_aligned(bytes, alignment);
	return request;
}

static cold void *alloc_by_flags(size_t bytes, size_t alignment, unsigned flags, const char *function)
{
	if (!flags_accept(flags, FLAGS_MALLOC, function))
		return NULL;
	struct request request = request_with_flags(bytes, alignment, flags, function);
	if (bytes >= limit_bytes(flags)) { /* waiting would not help */
		if ((flags & LM_NOFAIL) != 0)
			return refuse(function, REFUSED_FOR_EVER);
		out_of_memory(function, bytes, flags);
		return no_memory();
	}
	void *block = request_serve(&request);
	if (unlikely(perturb_is_on()) && block != NULL && (flags & LM_ZERO) == 0)
		perturb_allocated(block, bytes);
	return block;
}

/* Flags with which a magazine may serve the request. Only LM_ZERO changes what is done with the object. */
enum { FLAGS_QUICK = LM_ZERO | LM_NORETRY | LM_NOFAIL | LM_NOWARN };

/* An object of this thread's magazines; NULL: they have none, or may not serve this size or these flags. */
static void *alloc_quick(size_t bytes, unsigned flags)
{
	if (bytes > TABLE_MAX_BYTES || (flags & ~(unsigned)FLAGS_QUICK) != 0 || flags_conflict(flags))
		return NULL;
	void *object = heap_alloc_at_hand(bytes);
	if (unlikely(object == NULL) || (flags & LM_ZERO) == 0)
		return object;
	unsigned size_class = load_relaxed(&size_class_table[bytes]);
	return memset(object, 0, size_classes[size_class].bytes);
}

/* What lm_malloc does not find at hand. */
static cold void *alloc_rest(size_t bytes, unsigned flags)
{
	void *block = flags == 0 ? heap_alloc(bytes) : alloc_quick(bytes, flags);
	if (likely(block != NULL))
		return block;
	return flags == 0 ? out_of_memory("lm_malloc", bytes, 0) : alloc_by_flags(bytes, 0, flags, "lm_malloc");
}

/* When a magazine serves the request: malloc, and one test more. */
LM_EXPORT void *lm_malloc(size_t bytes, unsigned flags)
{
	if (likely(flags == 0 && bytes <= TABLE_MAX_BYTES)) {
		void *object = heap_alloc_at_hand(bytes);
		if (likely(object != NULL))
			return object;
	}
	return alloc_rest(bytes, flags);
}

/* Why no call with these flags can be served, as a sentence; NULL: one can. */
static cold const char *alignment_fault(size_t alignment, unsigned flags)
{
	if (!is_power_of_two(alignment))
		return REFUSED_ALIGNMENT;
	if ((flags & (LM_DMA32 | LM_NOSYSCALL)) != 0)
		return REFUSED_ZONE_ALIGNMENT;
	return alignment >= limit_bytes(flags) ? REFUSED_HIGH_ALIGNMENT : NULL;
}

LM_EXPORT void *lm_aligned(size_t alignment, size_t bytes, unsigned flags)
{
	if (unlikely(!is_power_of_two(alignment) || alignment > ZONE_ALIGN_MAX)) {
		const char *fault = alignment_fault(alignment, flags);
		if (fault != NULL)
			return refuse("lm_aligned", fault);
	}
	if (unlikely(flags != 0))
		return alloc_by_flags(bytes, alignment, flags, "lm_aligned");
	void *block = heap_aligned(alignment, bytes);
	return likely(block != NULL) ? block : out_of_memory("lm_aligned", bytes, 0);
}

LM_EXPORT void *lm_calloc(size_t count, size_t bytes, unsigned flags)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, bytes, &total)))
		total = SIZE_MAX;
	flags |= LM_ZERO;
	void *object = alloc_quick(total, flags);
	return likely(object != NULL) ? object : alloc_by_flags(total, 0, flags, "lm_calloc");
}

static bool is_low(const void *block, size_t bytes) { return (uintptr_t)block + bytes <= LOW_LIMIT_BYTES; }

/* The block resized in place, or its mapping moved; NULL: neither is possible, or the flags forbid it. */
static cold void *resize_by_flags(char *block, size_t usable, size_t bytes, unsigned flags)
{
	bool fits = bytes <= usable && (bytes >= usable - usable / 4 || heap_keeps_shrunk(block, usable, bytes) ||
					(flags & LM_NOSYSCALL) != 0);
	if ((flags & LM_DMA32) != 0 && !is_low(block, usable))
		return NULL;
	if (fits)
		return block;
	if ((flags & (LM_NOSYSCALL | LM_DMA32 | LM_COLD)) != 0)
		return NULL;
	return heap_resize_mapping(block, bytes);
}

/* The mapping was moved, and its new place is wrong for LM_HUGE. */
static bool is_misplaced(const char *resized, const char *block, size_t bytes, unsigned flags)
{
	if (resized == block || (flags & LM_HUGE) == 0 || bytes < HUGE_BYTES)
		return false;
	return (uintptr_t)resized % HUGE_BYTES != 0 || !large_of((uintptr_t)resized)->is_huge;
}

/* Copies the first `content` bytes to a new block. If there is no memory for a smaller block, keeps the old block. */
static cold void *copy_by_flags(void *block, size_t content, size_t bytes, unsigned flags)
{
	size_t usable = heap_usable(block);
	bool may_stay = bytes <= usable && ((flags & LM_DMA32) == 0 || is_low(block, usable));
	int saved = errno;
	void *moved = alloc_by_flags(bytes, 0, may_stay ? flags | LM_NOWARN : flags, "lm_realloc");
	if (moved == NULL && may_stay)
		errno = saved;
	if (moved == NULL)
		return may_stay ? block : NULL;
	memcpy(moved, block, size_min(content, bytes));
	heap_free(block, "lm_realloc");
	return moved;
}

static void *attempt_by_owner(const struct request *request)
{
	void *block = (void *)(uintptr_t)request->context;
	return heap_may_be_in_front(block) ? follow_realloc(block, request->bytes)
					   : heap_realloc(block, request->bytes, "lm_realloc");
}

static cold void *realloc_by_owner(void *block, size_t bytes, unsigned flags)
{
	struct request request = {
		.bytes = bytes,
		.flags = flags & LM_NOFAIL ? flags : flags | LM_NORETRY, /* the owner itself gives back what is idle */
		.function = "lm_realloc",
		.attempt = attempt_by_owner,
		.context = block,
	};
	return request_serve(&request);
}

/*
 * A block of libc's own allocator, or of the malloc in front, whose realloc knows no flags. Its length is not known:
 * for LM_DMA32 its owner first resizes it to `bytes`, so that all of it can be copied. LM_ZERO promises nothing about
 * a block that was allocated without the flag.
 */
static cold void *realloc_foreign(void *block, size_t bytes, unsigned flags)
{
	if ((flags & LM_NOSYSCALL) != 0)
		return out_of_memory("lm_realloc", bytes, flags);
	if (bytes >= limit_bytes(flags) && (flags & LM_NOFAIL) != 0)
		return refuse("lm_realloc", REFUSED_FOR_EVER);
	if ((flags & LM_DMA32) == 0)
		return realloc_by_owner(block, bytes, flags);
	void *low = alloc_by_flags(bytes, 0, flags, "lm_realloc");
	void *resized = low == NULL ? NULL : realloc_by_owner(block, bytes, flags);
	if (resized == NULL) {
		heap_free(low, "lm_realloc");
		return NULL;
	}
	memcpy(low, resized, bytes);
	lm_kvfree(resized);
	return low;
}

/*
 * To free the old block may need a system call: so with LM_NOSYSCALL no block is moved. The bytes by which a mapping
 * grows are zero.
 */
static cold void *realloc_by_flags(void *block, size_t bytes, unsigned flags)
{
	size_t usable = heap_usable(block);
	if (!flags_accept(flags, FLAGS_MALLOC, "lm_realloc"))
		return NULL;
	if (usable == 0)
		return realloc_foreign(block, bytes, flags);
	heap_check_live(block, "lm_realloc");
	char *resized = resize_by_flags(block, usable, bytes, flags);
	if (resized == NULL && (flags & LM_NOSYSCALL) != 0)
		return out_of_memory("lm_realloc", bytes, flags);
	if (resized == NULL || is_misplaced(resized, block, bytes, flags))
		resized = copy_by_flags(resized == NULL ? block : resized, usable, bytes, flags);
	if (resized != NULL && (flags & LM_ZERO) != 0 && bytes < usable)
		memset(resized + bytes, 0, heap_usable(resized) - bytes);
	return resized;
}

LM_EXPORT void *lm_realloc(void *block, size_t bytes, unsigned flags)
{
	if (block == NULL && flags != 0)
		return alloc_by_flags(bytes, 0, flags, "lm_realloc");
	bytes = size_max(bytes, 1);
	if (flags != 0)
		return realloc_by_flags(block, bytes, flags);
	if (heap_may_be_in_front(block))
		return realloc_foreign(block, bytes, 0);
	void *resized = heap_realloc(block, bytes, "lm_realloc");
	return likely(resized != NULL) ? resized : out_of_memory("lm_realloc", bytes, 0);
}
