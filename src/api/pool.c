/*
 * pool.c - fixed-size pool (libmalloc/pool.h): one block cut into equal chunks; alloc and free are a pop and a push.
 *
 *      block of the heap   | pad | chunk 0 | chunk 1 | chunk 2 | ...   | chunk count-1 |
 *                                ^ first                          ^ fresh: nothing was handed out from here on
 *      apart from it       link  a number for each chunk below fresh: TAKEN, or the next free chunk
 *
 * The pad (16 bytes, or the alignment) is there so that no chunk is the start of the heap's block: free(3) of a chunk
 * is then reported as an interior pointer instead of taking the pool away.
 *
 * A chunk's index is found without a division: stride = odd << shift, and odd has an inverse modulo 2^64. With
 * q = (offset * inverse) rotated right by shift, q < 2^64 / stride holds exactly if the offset is q * stride (Warren
 * 2013, 10-17); so one comparison with `fresh` tells that a chunk begins at the address, and that it was handed out.
 * Nothing is known of chunks from fresh on: so neither creating a pool nor resetting it looks at any.
 *
 * Invariant (pool_check): of the chunks below fresh, `used` are TAKEN; the others are each once on the list that begins
 * at head. In a pool that has ended, head = NONE and fresh = count = 0: so lm_pool_alloc and lm_pool_free find nothing
 * and go to their slow ends, which look at the handle (page/meta.h).
 *
 * Owner: one thread at a time; nothing here locks.
 */
#include "api/pool.h"

#include "api/private.h"
#include "api/refuse.h"
#include "base/bits.h"
#include "base/report.h"
#include "libmalloc/pool.h"
#include "malloc/heap.h"
#include "page/meta.h"

enum { ALIGN_MAX = 4096 };

/* Links that are no index; and so many chunks there may be. */
#define TAKEN UINT32_MAX
#define NONE (UINT32_MAX - 1)
#define CHUNKS_MAX (UINT32_MAX - 1)

struct lm_pool {
	struct meta_handle handle;
	char *first;
	uint32_t *link;
	size_t stride;
	uint64_t inverse;
	uint32_t shift;
	uint32_t head;
	uint32_t fresh;
	uint32_t used;
	uint32_t count;
	void *block;
};

static struct meta_queue ended_pools;

static void pool_look(const struct lm_pool *pool, const char *function)
{
	meta_handle_check(&pool->handle, REPORT_POOL_DESTROYED, function);
}

static uint64_t rotate_right(uint64_t x, unsigned by) { return x >> (by & 63) | x << (-by & 63); }

/* Newton's iteration doubles the bits that are right; odd * odd is 1 modulo 8. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t x = odd;
	for (int bits = 3; bits < 64; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

/* Only the part that is below fresh is ever touched. */
static size_t link_bytes(const struct lm_pool *pool) { return (size_t)pool->count * sizeof(*pool->link); }

static void pool_give_back(struct lm_pool *pool)
{
	heap_free(pool->block, "lm_pool_destroy");
	private_free(pool->link, link_bytes(pool));
}

/* The pool's memory, or false and none. */
static bool pool_fill(struct lm_pool *pool, size_t align)
{
	size_t bytes;
	size_t pad = size_max(align, CLASS_GRAIN_BYTES);
	if (__builtin_mul_overflow(pool->stride, (size_t)pool->count, &bytes) ||
	    __builtin_add_overflow(bytes, pad, &bytes))
		return false;
	pool->link = private_alloc(link_bytes(pool));
	if (pool->link == NULL)
		return false;
	pool->block = heap_aligned(pad, bytes);
	if (pool->block == NULL) {
		private_free(pool->link, link_bytes(pool));
		return false;
	}
	pool->first = (char *)pool->block + pad;
	return true;
}

static const char *fault_of(size_t size, size_t chunks, size_t align)
{
	if (size == 0)
		return REFUSED_CHUNK_SIZE;
	if (chunks == 0)
		return REFUSED_CHUNKS;
	return align > ALIGN_MAX || (align & (align - 1)) != 0 ? REFUSED_ALIGN : NULL;
}

LM_EXPORT struct lm_pool *lm_pool_create(size_t size, size_t chunks, size_t align)
{
	const char *fault = fault_of(size, chunks, align);
	if (fault != NULL)
		return refuse("lm_pool_create", fault);
	align = align == 0 ? CLASS_GRAIN_BYTES : align;
	size_t stride = round_up(size, align);
	if (stride < size || chunks > CHUNKS_MAX)
		return no_memory();
	struct lm_pool made = {
		.stride = stride,
		.shift = low_bit(stride),
		.inverse = inverse_of(stride >> low_bit(stride)),
		.count = (uint32_t)chunks,
		.head = NONE,
	};
	if (!pool_fill(&made, align))
		return no_memory();
	struct lm_pool *pool = meta_handle_alloc(&ended_pools, sizeof(*pool));
	if (pool == NULL) {
		pool_give_back(&made);
		return no_memory();
	}
	*pool = made;
	return pool;
}

static always_inline void *hand_out(struct lm_pool *pool, uint32_t index)
{
	pool->link[index] = TAKEN;
	pool->used++;
	return pool->first + index * pool->stride;
}

static noinline void *alloc_fresh(struct lm_pool *pool)
{
	if (likely(pool->fresh < pool->count))
		return hand_out(pool, pool->fresh++);
	pool_look(pool, "lm_pool_alloc");
	return no_memory();
}

LM_EXPORT void *lm_pool_alloc(struct lm_pool *pool)
{
	uint32_t index = pool->head;
	if (unlikely(index == NONE))
		return alloc_fresh(pool);
	pool->head = pool->link[index];
	return hand_out(pool, index);
}

/* `index` is that of the address if it is below count. */
static cold void free_bad(const struct lm_pool *pool, void *chunk, uint64_t index)
{
	pool_look(pool, "lm_pool_free");
	if (chunk == NULL)
		return;
	size_t offset = (size_t)((char *)chunk - pool->first);
	const char *kind = REPORT_NOT_OF_POOL;
	if (index < pool->count)
		kind = REPORT_DOUBLE_FREE;
	else if (offset / pool->stride < pool->count)
		kind = REPORT_INTERIOR;
	report_bad_pointer(kind, chunk, "lm_pool_free");
}

LM_EXPORT void lm_pool_free(struct lm_pool *pool, void *chunk)
{
	size_t offset = (uintptr_t)chunk - (uintptr_t)pool->first;
	uint64_t index = rotate_right(offset * pool->inverse, pool->shift);
	if (unlikely(index >= pool->fresh || pool->link[index] != TAKEN)) {
		free_bad(pool, chunk, index);
		return;
	}
	pool->link[index] = pool->head;
	pool->head = (uint32_t)index;
	pool->used--;
}

LM_EXPORT size_t lm_pool_used(const struct lm_pool *pool)
{
	pool_look(pool, "lm_pool_used");
	return pool->used;
}

LM_EXPORT void lm_pool_reset(struct lm_pool *pool)
{
	pool_look(pool, "lm_pool_reset");
	pool->head = NONE;
	pool->fresh = 0;
	pool->used = 0;
}

LM_EXPORT void lm_pool_destroy(struct lm_pool *pool)
{
	if (pool == NULL)
		return;
	meta_handle_end(&pool->handle, REPORT_POOL_DESTROYED, "lm_pool_destroy");
	pool_give_back(pool);
	pool->head = NONE;
	pool->fresh = 0;
	pool->count = 0;
	meta_handle_put(&ended_pools, &pool->handle);
}

void pool_check(const struct lm_pool *pool)
{
	size_t taken = 0;
	size_t listed = 0;
	for (uint32_t i = 0; i < pool->fresh; i++)
		taken += pool->link[i] == TAKEN;
	for (uint32_t i = pool->head; i != NONE && listed <= pool->fresh; i = pool->link[i], listed++)
		if (i >= pool->fresh || pool->link[i] == TAKEN)
			report_internal("pool: a chunk on the list is not free");
	if (pool->fresh > pool->count || taken != pool->used || taken + listed != pool->fresh)
		report_internal("pool: the chunks do not add up");
}
