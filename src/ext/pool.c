/*
 * pool.c - fixed-size pool (libmalloc/pool.h): one block cut into equal chunks; alloc and free are a pop and a push.
 *
 *      block of the heap   | pad | chunk 0 | chunk 1 | chunk 2 | ...   | chunk count-1 |
 *                                ^ first                          ^ fresh: no chunk from here on was handed out
 *      apart from it       link  a number for each chunk below fresh: TAKEN, or the next free chunk
 *
 * Because of the pad (16 bytes, or the alignment), no chunk is the start of the heap's block: free(3) of a chunk is
 * reported as an interior pointer, and does not free the pool.
 *
 * A chunk's index is found without a division: stride = odd << shift, and odd has an inverse modulo 2^64. With
 * q = (offset * inverse) rotated right by shift, q < 2^64 / stride holds exactly if the offset is q * stride (Warren
 * 2013, 10-17). So one comparison with `fresh` shows that a chunk begins at the address, and that it was handed out.
 * Chunks from fresh on have no record: so lm_pool_create and lm_pool_reset touch no chunk.
 */
#include "base/bits.h"
#include "heap/flags.h"
#include "heap/heap.h"
#include "os/report.h"
#include "page/meta.h"

#include <libmalloc/pool.h>

enum { ALIGN_MAX = PAGE_BYTES };

/* Links that are not an index, and the largest number of chunks. */
#define TAKEN UINT32_MAX
#define NONE (UINT32_MAX - 1)
#define CHUNKS_MAX NONE

/*
 * Owner: one thread at a time; there is no lock. Invariant (pool_check): of the chunks below fresh, `used` are TAKEN;
 * each of the others is once on the list that begins at head. In a pool that has ended, head = NONE and fresh = count =
 * 0: so lm_pool_alloc and lm_pool_free find nothing and go to their slow ends, which check the handle (page/meta.h).
 */
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

static struct meta_queue ended_pools; /* meta_lock guards it */

static void pool_check(const struct lm_pool *pool)
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

static void pool_look(const struct lm_pool *pool, const char *function)
{
	meta_handle_check(&pool->handle, REPORT_POOL_DESTROYED, function);
	if (DEBUG_CHECKS)
		pool_check(pool);
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

static size_t link_bytes(const struct lm_pool *pool) { return (size_t)pool->count * sizeof(*pool->link); }

static cold void pool_memory_free(struct lm_pool *pool)
{
	heap_free(pool->block, "lm_pool_destroy");
	meta_free_any(pool->link, link_bytes(pool));
}

/* Gets the memory of the pool, or false and nothing. */
static cold bool pool_memory_alloc(struct lm_pool *pool, size_t align)
{
	size_t bytes;
	size_t pad = size_max(align, CLASS_GRAIN_BYTES);
	if (__builtin_mul_overflow(pool->stride, (size_t)pool->count, &bytes) ||
	    __builtin_add_overflow(bytes, pad, &bytes))
		return false;
	pool->link = meta_alloc_any(link_bytes(pool));
	if (pool->link == NULL)
		return false;
	pool->block = heap_aligned(pad, bytes);
	if (pool->block == NULL) {
		meta_free_any(pool->link, link_bytes(pool));
		return false;
	}
	pool->first = (char *)pool->block + pad;
	return true;
}

LM_EXPORT cold struct lm_pool *lm_pool_create(size_t size, size_t chunks, size_t align)
{
	if (size == 0)
		return refuse("lm_pool_create", REFUSED_CHUNK_SIZE);
	if (chunks == 0)
		return refuse("lm_pool_create", REFUSED_CHUNKS);
	align = align == 0 ? CLASS_GRAIN_BYTES : align;
	if (align > ALIGN_MAX || !is_power_of_two(align))
		return refuse("lm_pool_create", REFUSED_ALIGN);
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
	if (!pool_memory_alloc(&made, align))
		return no_memory();
	struct lm_pool *pool = meta_handle_alloc(&ended_pools, sizeof(*pool));
	if (pool == NULL) {
		pool_memory_free(&made);
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

/* `chunk` is where a chunk of the pool begins exactly if index < count; then it is that chunk's index. */
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

LM_EXPORT cold size_t lm_pool_used(const struct lm_pool *pool)
{
	pool_look(pool, "lm_pool_used");
	return pool->used;
}

static void pool_empty(struct lm_pool *pool)
{
	pool->head = NONE;
	pool->fresh = 0;
	pool->used = 0;
}

LM_EXPORT cold void lm_pool_reset(struct lm_pool *pool)
{
	pool_look(pool, "lm_pool_reset");
	pool_empty(pool);
}

LM_EXPORT cold void lm_pool_destroy(struct lm_pool *pool)
{
	if (pool == NULL)
		return;
	meta_handle_end(&pool->handle, REPORT_POOL_DESTROYED, "lm_pool_destroy");
	pool_memory_free(pool);
	pool_empty(pool);
	pool->count = 0;
	meta_handle_put(&ended_pools, &pool->handle);
}
