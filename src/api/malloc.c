/*
 * malloc.c - malloc with flags: see libmalloc/alloc.h and flags.h.
 *
 * Which memory serves a request, the first that applies:
 *
 *      LM_DMA32       slabs of the request's size class that lie in ZONE_DMA32; above 128 KiB whole pages of it
 *      LM_NOSYSCALL   slabs, then pages, that there are, under locks that nobody holds (base/lock.h, quiet). A small
 *                     request takes an object of any larger class too. Never this thread's magazines: a signal
 *                     handler may have interrupted malloc or free between two of their stores there
 *      LM_COLD        past the magazines, the slab with most free objects; a large block is a fresh mapping
 *      LM_HUGE        from 2 MiB on, a mapping of huge pages
 *      else           as malloc, which is also what no flag at all is
 *
 * So a block is a slab's object, a run or a large block like any other, and free, realloc and malloc_usable_size ask
 * nothing about flags.
 *
 * LM_ZERO zeroes all of a block's usable bytes, and lm_realloc with it what a block that stays has no longer in use: so
 * whatever a block grows by is zero, when all its calls had the flag.
 *
 * Where the process is bound to another malloc (malloc/follow.h), blocks come from our heap all the same. lm_realloc of
 * a block that is not ours goes to the realloc that it belongs to.
 */
#include "api/patience.h"
#include "api/refuse.h"
#include "base/bits.h"
#include "large/large.h"
#include "large/run.h"
#include "malloc/follow.h"
#include "malloc/heap.h"
#include "malloc/perturb.h"
#include "malloc/pointer.h"
#include "malloc/shortage.h"
#include "slab/cache.h"

#include <errno.h>
#include <libmalloc/alloc.h>
#include <stdint.h>
#include <string.h>

#define HUGE_BYTES ((size_t)HUGE_PAGES << PAGE_SHIFT)

/* A request with its flags. The request stands first: shortage_retry hands it back to serve_once. */
struct wish {
	struct request request;
	size_t bytes;
	unsigned size_class; /* for the memory that is had past malloc; 0: whole pages */
	unsigned flags;
	const char *function;
};

_Static_assert(offsetof(struct wish, request) == 0, "serve_once gets the wish from its request");

static bool has(const struct wish *wish, unsigned flags) { return (wish->flags & flags) != 0; }

static enum page_how how_of(const struct wish *wish) { return has(wish, LM_NOSYSCALL) ? PAGES_QUIET : PAGES_GROW; }

static void *zero_if(void *block, size_t bytes, const struct wish *wish, bool is_zero)
{
	return block != NULL && has(wish, LM_ZERO) && !is_zero ? memset(block, 0, bytes) : block;
}

static void *pages_of(const struct wish *wish, enum zone_id zone)
{
	bool zeroed = false;
	void *block = run_alloc_from(zone, how_of(wish), wish->bytes, wish->request.alignment, &zeroed);
	return zero_if(block, block == NULL ? 0 : heap_usable(block), wish, zeroed);
}

static void *object_of(const struct wish *wish, enum cache_part part)
{
	bool zeroed = false;
	void *object = cache_alloc_part(wish->size_class, part, how_of(wish), &zeroed);
	return zero_if(object, size_classes[wish->size_class].bytes, wish, zeroed);
}

/* An object of the next classes, of which slabs may be there already. */
static void *larger_object_of(const struct wish *wish, enum cache_part part)
{
	struct wish larger = *wish;
	void *object = NULL;
	while (object == NULL && ++larger.size_class < CLASS_COUNT)
		if (wish->request.alignment == 0 ||
		    size_classes[larger.size_class].bytes % wish->request.alignment == 0)
			object = object_of(&larger, part);
	return object;
}

static void *quiet_of(const struct wish *wish, enum cache_part part, enum zone_id zone)
{
	void *block = wish->size_class != 0 ? object_of(wish, part) : NULL;
	if (block == NULL && wish->size_class != 0)
		block = larger_object_of(wish, part);
	return block != NULL ? block : pages_of(wish, zone);
}

static void *low_of(const struct wish *wish)
{
	if (has(wish, LM_NOSYSCALL))
		return quiet_of(wish, CACHE_LOW, ZONE_DMA32);
	return wish->size_class != 0 ? object_of(wish, CACHE_LOW) : pages_of(wish, ZONE_DMA32);
}

/* Of a large block a cache may hold what was in use last. */
static void *cold_of(const struct wish *wish)
{
	if (wish->size_class != 0)
		return object_of(wish, CACHE_COLD);
	void *block = NULL;
	if (large_is_allowed())
		block = large_alloc(wish->bytes, wish->request.alignment, LARGE_FRESH);
	return block != NULL ? block : pages_of(wish, ZONE_HEAP);
}

static void *as_malloc(const struct wish *wish)
{
	unsigned size_class = wish->request.size_class;
	void *block = size_class != 0 ? bin_pop(bin_of(size_class)) : NULL;
	if (block == NULL)
		block = heap_try(&wish->request);
	if (block == NULL || !has(wish, LM_ZERO))
		return block;
	/* A run is zeroed as far as it was asked for, not to its last page's end. */
	size_t from = size_class != 0 ? 0 : wish->bytes;
	if (large_of((uintptr_t)block) == NULL)
		memset((char *)block + from, 0, heap_usable(block) - from);
	return block;
}

static void *huge_of(const struct wish *wish)
{
	void *block = NULL;
	if (wish->bytes >= HUGE_BYTES && large_is_allowed())
		block = large_alloc_huge(wish->bytes, wish->request.alignment);
	return block != NULL ? block : as_malloc(wish);
}

static void *serve_once(const struct request *request)
{
	const struct wish *wish = (const struct wish *)request;
	if (has(wish, LM_DMA32))
		return low_of(wish);
	if (has(wish, LM_NOSYSCALL))
		return quiet_of(wish, CACHE_ANY, ZONE_HEAP);
	if (has(wish, LM_COLD))
		return cold_of(wish);
	return has(wish, LM_HUGE) ? huge_of(wish) : as_malloc(wish);
}

static void *serve(const struct wish *wish)
{
	void *block = serve_once(&wish->request);
	if (block != NULL || has(wish, LM_NOSYSCALL | LM_NORETRY))
		return block;
	block = shortage_retry(&wish->request, serve_once);
	/* It may be an object of a larger class, which did not come from serve_once. */
	bool is_object = block != NULL && wish->request.size_class != 0;
	return zero_if(block, is_object ? heap_usable(block) : 0, wish, !is_object);
}

static void wish_init(struct wish *wish, size_t bytes, size_t alignment)
{
	if (alignment <= CLASS_GRAIN_BYTES)
		alignment = 0;
	wish->bytes = bytes;
	if (bytes <= SMALL_MAX_BYTES)
		wish->size_class = alignment == 0 ? size_class_of(bytes) : size_class_aligned(bytes, alignment);
	bool special = has(wish, LM_DMA32 | LM_NOSYSCALL | LM_COLD);
	wish->request = (struct request){
		.bytes = bytes,
		.alignment = alignment,
		/* Where it is 0, shortage_retry serves it by serve_once alone. */
		.size_class = !special && heap_is_small(bytes) ? wish->size_class : 0,
		.content = has(wish, LM_ZERO) ? LARGE_ZEROED : LARGE_ANY,
	};
}

/* False: no waiting would help. */
static bool can_be_served(const struct wish *wish, size_t alignment)
{
	size_t limit = limit_bytes(wish->flags);
	bool pages_only = has(wish, LM_DMA32 | LM_NOSYSCALL) && wish->size_class == 0;
	return wish->bytes < limit && alignment < limit &&
	       !(pages_only && alignment > (size_t)BUDDY_MAX_PAGES << PAGE_SHIFT);
}

/* Others free memory meanwhile, or the system gets some: that may take a while, and never come. */
static cold void *serve_waiting(const struct wish *wish)
{
	void *block;
	struct patience patience = {0};
	flags_report_failure(wish->bytes, wish->flags, wish->function);
	while ((block = serve(wish)) == NULL)
		patience_wait(&patience);
	return block;
}

static noinline void *alloc(size_t bytes, size_t alignment, unsigned flags, const char *function)
{
	if (!flags_accept(flags, FLAGS_MALLOC, function))
		return NULL;
	struct wish wish = {.flags = flags, .function = function};
	wish_init(&wish, bytes, alignment);
	bool possible = can_be_served(&wish, alignment);
	if (!possible && has(&wish, LM_NOFAIL)) {
		flags_report_argument(REFUSED_FOR_EVER, function);
		return NULL;
	}
	int saved = errno;
	void *block = possible ? serve(&wish) : NULL;
	if (block == NULL && has(&wish, LM_NOFAIL))
		block = serve_waiting(&wish);
	if (block == NULL) {
		flags_report_failure(bytes, flags, function);
		errno = possible ? errno : ENOMEM;
		return NULL;
	}
	errno = saved;
	if (unlikely(perturb_is_on()) && !has(&wish, LM_ZERO))
		perturb_allocated(block, bytes);
	return block;
}

/* Flags that change nothing for an object that a magazine has, but that it is to be zero. */
enum { FLAGS_QUICK = LM_ZERO | LM_NORETRY | LM_NOFAIL | LM_NOWARN };

/* An object of this thread's; NULL: the flags, the size or the magazine ask for more. */
static void *alloc_quick(size_t bytes, unsigned flags)
{
	if (bytes > TABLE_MAX_BYTES || (flags & ~(unsigned)FLAGS_QUICK) != 0 || flags_conflict(flags))
		return NULL;
	void *object = heap_alloc_at_hand(bytes);
	if (unlikely(object == NULL) || (flags & LM_ZERO) == 0)
		return object;
	unsigned size_class = atomic_load_explicit(&size_class_table[bytes], memory_order_relaxed);
	return memset(object, 0, size_classes[size_class].bytes);
}

/* malloc has failed. */
static cold void *failed(size_t bytes, const char *function)
{
	flags_report_failure(bytes, 0, function);
	return NULL;
}

/* What lm_malloc does not find at hand. */
static noinline void *alloc_rest(size_t bytes, unsigned flags)
{
	void *block = alloc_quick(bytes, flags);
	if (block != NULL)
		return block;
	if (flags != 0)
		return alloc(bytes, 0, flags, "lm_malloc");
	block = heap_alloc(bytes);
	return likely(block != NULL) ? block : failed(bytes, "lm_malloc");
}

/* As far as a magazine serves it: malloc, and one test. */
LM_EXPORT void *lm_malloc(size_t bytes, unsigned flags)
{
	if (likely(flags == 0 && bytes <= TABLE_MAX_BYTES)) {
		void *object = heap_alloc_at_hand(bytes);
		if (likely(object != NULL))
			return object;
	}
	return alloc_rest(bytes, flags);
}

LM_EXPORT void *lm_aligned(size_t alignment, size_t bytes, unsigned flags)
{
	if (unlikely(!is_power_of_two(alignment))) {
		flags_report_argument("the alignment is no power of two", "lm_aligned");
		return NULL;
	}
	if (unlikely(flags != 0))
		return alloc(bytes, alignment, flags, "lm_aligned");
	void *block = heap_aligned(alignment, bytes);
	return likely(block != NULL) ? block : failed(bytes, "lm_aligned");
}

LM_EXPORT void *lm_calloc(size_t count, size_t bytes, unsigned flags)
{
	size_t total;
	if (unlikely(__builtin_mul_overflow(count, bytes, &total)))
		total = SIZE_MAX;
	flags |= LM_ZERO;
	void *object = alloc_quick(total, flags);
	return likely(object != NULL) ? object : alloc(total, 0, flags, "lm_calloc");
}

static bool is_low(const void *block, size_t bytes) { return (uintptr_t)block + bytes <= LOW_LIMIT_BYTES; }

/* The block resized where it is, or a mapping moved; NULL: that will not do. */
static void *resize(char *block, size_t usable, size_t bytes, unsigned flags)
{
	bool fits = bytes <= usable && (bytes >= usable - usable / 4 || (flags & LM_NOSYSCALL) != 0);
	if ((flags & LM_DMA32) != 0 && !is_low(block, usable))
		return NULL;
	if (fits)
		return block;
	if ((flags & (LM_NOSYSCALL | LM_DMA32 | LM_COLD)) != 0)
		return NULL;
	return heap_resize_mapping(block, bytes);
}

/* The mapping was moved, and its new place breaks LM_HUGE's alignment. */
static bool is_misplaced(const char *resized, const char *block, size_t bytes, unsigned flags)
{
	if (resized == block || (flags & LM_HUGE) == 0 || bytes < HUGE_BYTES)
		return false;
	return (uintptr_t)resized % HUGE_BYTES != 0 || !large_of((uintptr_t)resized)->is_huge;
}

/* With the first `content` bytes. If there is no memory for a smaller block, keeps the old block. */
static void *move(void *block, size_t content, size_t bytes, unsigned flags)
{
	size_t usable = heap_usable(block);
	bool will_do = bytes <= usable && ((flags & LM_DMA32) == 0 || is_low(block, usable));
	int saved = errno;
	void *moved = alloc(bytes, 0, will_do ? flags | LM_NOWARN : flags, "lm_realloc");
	if (moved == NULL && will_do)
		errno = saved;
	if (moved == NULL)
		return will_do ? block : NULL;
	memcpy(moved, block, size_min(content, bytes));
	heap_free(block, "lm_realloc");
	return moved;
}

static void *realloc_by_owner(void *block, size_t bytes, unsigned flags)
{
	struct patience patience = {0};
	void *resized;
	while ((resized = follow_may_own(block) ? follow_realloc(block, bytes)
						: heap_realloc(block, bytes, "lm_realloc")) == NULL &&
	       (flags & LM_NOFAIL) != 0)
		patience_wait(&patience);
	return resized != NULL ? resized : out_of_memory("lm_realloc", bytes, flags);
}

/*
 * A block of libc's own allocator, or of the malloc in front, whose realloc knows no flags. Its length is not known:
 * for LM_DMA32 the owner makes it as long as what is to be copied. LM_ZERO promises nothing about a block that came
 * without it.
 */
static cold void *realloc_foreign(void *block, size_t bytes, unsigned flags)
{
	if ((flags & LM_NOSYSCALL) != 0)
		return out_of_memory("lm_realloc", bytes, flags);
	if (bytes >= limit_bytes(flags) && (flags & LM_NOFAIL) != 0)
		return refuse("lm_realloc", REFUSED_FOR_EVER);
	if ((flags & LM_DMA32) == 0)
		return realloc_by_owner(block, bytes, flags);
	void *low = alloc(bytes, 0, flags, "lm_realloc");
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
 * The old block is not freed without the kernel perhaps: so with LM_NOSYSCALL none is moved. What a mapping grew by is
 * new, and zero.
 */
static noinline void *realloc_flags(void *block, size_t bytes, unsigned flags)
{
	size_t usable = heap_usable(block);
	if (!flags_accept(flags, FLAGS_MALLOC, "lm_realloc"))
		return NULL;
	if (usable == 0)
		return realloc_foreign(block, bytes, flags);
	heap_check_live(block, "lm_realloc");
	char *resized = resize(block, usable, bytes, flags);
	if (resized == NULL && (flags & LM_NOSYSCALL) != 0)
		flags_report_failure(bytes, flags, "lm_realloc");
	else if (resized == NULL)
		resized = move(block, usable, bytes, flags);
	else if (is_misplaced(resized, block, bytes, flags))
		resized = move(resized, usable, bytes, flags);
	if (resized != NULL && (flags & LM_ZERO) != 0 && bytes < usable)
		memset(resized + bytes, 0, heap_usable(resized) - bytes);
	return resized;
}

LM_EXPORT void *lm_realloc(void *block, size_t bytes, unsigned flags)
{
	if (block == NULL && flags != 0)
		return alloc(bytes, 0, flags, "lm_realloc");
	bytes = size_max(bytes, 1);
	if (flags != 0)
		return realloc_flags(block, bytes, flags);
	if (follow_may_own(block))
		return realloc_foreign(block, bytes, 0);
	void *resized = heap_realloc(block, bytes, "lm_realloc");
	return likely(resized != NULL) ? resized : failed(bytes, "lm_realloc");
}
