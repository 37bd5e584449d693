/*
 * pool.c - fixed-size pool (libmalloc/pool.h): one block cut into equal chunks; alloc and free are a push and a pop.
 *
 *      block of the heap   | pad | chunk 0 | chunk 1 | chunk 2 | ...   | chunk count-1 |
 *                                ^ first                          ^ fresh: nothing was handed out from here on
 *      apart from it       taken  one bit a chunk
 *                          stack  indices of free chunks below fresh, the newest on top
 *
 * The pad (16 bytes, or the alignment) is there so that no chunk is the start of the heap's block: free(3) of a chunk
 * is then reported as an interior pointer instead of taking the pool away.
 *
 * A chunk's index is found without a division: stride = odd << shift, and odd has an inverse modulo 2^64. With
 * q = (offset * inverse) rotated right by shift, q < 2^64 / stride holds exactly if the offset is q * stride (Warren
 * 2013, 10-17); so one comparison with `count` tells both whether the address is in the pool and whether a chunk begins
 * there.
 *
 * Invariant (pool_check): taken has fresh - nfree bits set, all below fresh; the stack holds the indices below fresh
 * whose bit is clear, each once.
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

#include <string.h>

enum { ALIGN_MAX = 4096, WORD_BITS = 64 };

struct lm_pool {
	char *first;
	uint32_t *stack;
	uint64_t *taken;
	size_t stride;
	uint64_t inverse;
	uint32_t shift;
	uint32_t count;
	uint32_t fresh;
	uint32_t nfree; /* on the stack */
	void *block;
};

static uint64_t rotate_right(uint64_t x, unsigned by) { return x >> (by & 63) | x << (-by & 63); }

/* Newton's iteration doubles the bits that are right; odd * odd is 1 modulo 8. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t x = odd;
	for (int bits = 3; bits < 64; bits *= 2)
		x *= 2 - odd * x;
	return x;
}

static size_t taken_bytes(const struct lm_pool *pool) { return ((size_t)pool->count + 63) / WORD_BITS * 8; }

/* The bits and the stack are one piece. Only the part of the stack that frees reach is ever touched. */
static size_t state_bytes(const struct lm_pool *pool) { return taken_bytes(pool) + (size_t)pool->count * 4; }

/* The pool's memory, or false and none. */
static bool pool_fill(struct lm_pool *pool, size_t align)
{
	size_t bytes;
	size_t pad = size_max(align, CLASS_GRAIN_BYTES);
	if (__builtin_mul_overflow(pool->stride, (size_t)pool->count, &bytes) ||
	    __builtin_add_overflow(bytes, pad, &bytes))
		return false;
	pool->taken = private_alloc(state_bytes(pool));
	if (pool->taken == NULL)
		return false;
	pool->block = heap_aligned(pad, bytes);
	if (pool->block == NULL) {
		private_free(pool->taken, state_bytes(pool));
		return false;
	}
	pool->stack = (uint32_t *)(void *)((char *)pool->taken + taken_bytes(pool));
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
	struct lm_pool *pool = stride < size || chunks > UINT32_MAX ? NULL : meta_alloc(sizeof(*pool));
	if (pool == NULL)
		return no_memory();
	*pool = (struct lm_pool){
		.stride = stride,
		.shift = low_bit(stride),
		.inverse = inverse_of(stride >> low_bit(stride)),
		.count = (uint32_t)chunks,
	};
	if (!pool_fill(pool, align)) {
		meta_free(pool, sizeof(*pool));
		return no_memory();
	}
	memset(pool->taken, 0, taken_bytes(pool));
	return pool;
}

static always_inline void *hand_out(struct lm_pool *pool, uint32_t index)
{
	pool->taken[index / WORD_BITS] |= UINT64_C(1) << index % WORD_BITS;
	return pool->first + index * pool->stride;
}

static noinline void *alloc_fresh(struct lm_pool *pool)
{
	return likely(pool->fresh < pool->count) ? hand_out(pool, pool->fresh++) : no_memory();
}

LM_EXPORT void *lm_pool_alloc(struct lm_pool *pool)
{
	if (unlikely(pool->nfree == 0))
		return alloc_fresh(pool);
	return hand_out(pool, pool->stack[--pool->nfree]);
}

/* `index` is that of the address if it is below count. */
static cold void free_bad(const struct lm_pool *pool, void *chunk, uint64_t index)
{
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

/* False: it is free. */
static always_inline bool take_back(struct lm_pool *pool, uint32_t index)
{
	uint64_t *word = &pool->taken[index / WORD_BITS];
	uint64_t bit = UINT64_C(1) << index % WORD_BITS;
	if (unlikely((*word & bit) == 0))
		return false;
	*word ^= bit;
	pool->stack[pool->nfree++] = index;
	return true;
}

LM_EXPORT void lm_pool_free(struct lm_pool *pool, void *chunk)
{
	size_t offset = (uintptr_t)chunk - (uintptr_t)pool->first;
	uint64_t index = rotate_right(offset * pool->inverse, pool->shift);
	if (unlikely(index >= pool->count || !take_back(pool, (uint32_t)index)))
		free_bad(pool, chunk, index);
}

LM_EXPORT size_t lm_pool_used(const struct lm_pool *pool) { return pool->fresh - pool->nfree; }

LM_EXPORT void lm_pool_reset(struct lm_pool *pool)
{
	memset(pool->taken, 0, ((size_t)pool->fresh + 63) / WORD_BITS * 8);
	pool->fresh = 0;
	pool->nfree = 0;
}

LM_EXPORT void lm_pool_destroy(struct lm_pool *pool)
{
	if (pool == NULL)
		return;
	heap_free(pool->block, "lm_pool_destroy");
	private_free(pool->taken, state_bytes(pool));
	meta_free(pool, sizeof(*pool));
}

void pool_check(const struct lm_pool *pool)
{
	size_t taken = 0;
	for (size_t i = 0; i < taken_bytes(pool) / 8; i++)
		taken += count_bits(pool->taken[i]);
	if (pool->fresh > pool->count || pool->nfree > pool->fresh || taken != pool->fresh - pool->nfree)
		report_internal("pool: the bits and the stack differ");
	for (uint32_t i = 0; i < pool->nfree; i++) {
		uint32_t index = pool->stack[i];
		if (index >= pool->fresh || (pool->taken[index / WORD_BITS] >> index % WORD_BITS & 1))
			report_internal("pool: a chunk on the stack is not free");
	}
}
