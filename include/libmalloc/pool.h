/*
 * libmalloc/pool.h - memory pools: fixed-size pool, region, reserve. lm_pool_create(3), lm_region_create(3),
 * lm_reserve_create(3).
 *
 * Only one thread at a time may use a pool or a region: the callers must see to that. All threads may use a reserve.
 *
 * If a function gets a destroyed pool, region or reserve, one line on standard error says so, and the process stops.
 * The library finds this until 4096 more of the same kind are destroyed.
 */
#ifndef LIBMALLOC_POOL_H
#define LIBMALLOC_POOL_H

#include <libmalloc/flags.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A fixed-size pool: one block cut into equal chunks. */
struct lm_pool;

/*
 * lm_pool_create - makes a pool of equal chunks.
 *
 * size: of a chunk, in bytes, 1 or more.  chunks: their number, 1 or more.  align: in bytes; chunks lie at multiples of
 * it; a power of two up to 4096, or 0 for 16.
 * Result: the pool; NULL with EINVAL (a line on standard error says what is right) or ENOMEM (also if the product
 * overflows or there are more than 4294967294 chunks).
 */
struct lm_pool *lm_pool_create(size_t size, size_t chunks, size_t align);

/* lm_pool_alloc - takes a chunk, which is not for free(3). NULL with ENOMEM if all chunks are handed out. */
void *lm_pool_alloc(struct lm_pool *pool);

/*
 * lm_pool_free - gives a chunk back. NULL is ignored. A chunk that is free, and a pointer that is not a chunk of
 * this pool, is reported, and the process stops.
 */
void lm_pool_free(struct lm_pool *pool, void *chunk);

/* lm_pool_used - the number of chunks that are handed out. */
size_t lm_pool_used(const struct lm_pool *pool);

/* lm_pool_reset - makes all chunks free, also those that are handed out. */
void lm_pool_reset(struct lm_pool *pool);

/* lm_pool_destroy - frees the pool with all its chunks. NULL is ignored. */
void lm_pool_destroy(struct lm_pool *pool);

/* A region: blocks of any size, which are freed all at once. */
struct lm_region;

/*
 * lm_region_create - makes an empty region. It grows by `step` bytes at a time (0: 16 KiB), or by more for a block that
 * needs more. NULL with ENOMEM.
 */
struct lm_region *lm_region_create(size_t step);

/*
 * lm_region_alloc - a block of `size` bytes (0 is taken as 1) at a multiple of 16, which is not for free(3). NULL with
 * ENOMEM.
 */
void *lm_region_alloc(struct lm_region *region, size_t size);

/* lm_region_aligned - like lm_region_alloc, at a multiple of `align`, a power of two up to 4096 (else EINVAL). */
void *lm_region_aligned(struct lm_region *region, size_t align, size_t size);

/* lm_region_strdup - a copy of `string` in the region; NULL with ENOMEM. */
char *lm_region_strdup(struct lm_region *region, const char *string);

/* How much a region held at one moment; only for lm_region_release. */
struct lm_region_mark {
	void *block; /* names one piece of one region: a number, not an address */
	size_t used; /* bytes */
};

/* lm_region_mark - a mark of what the region holds now. */
struct lm_region_mark lm_region_mark(const struct lm_region *region);

/*
 * lm_region_release - frees all blocks that were handed out after `mark` was made. Later marks become void; `mark`
 * itself stays valid.
 *
 * A mark of another region is reported, and the process stops. So is a void mark, with one exception: the region still
 * has the piece of memory in which the mark was made, and has handed out this piece again up to the mark or beyond.
 */
void lm_region_release(struct lm_region *region, struct lm_region_mark mark);

/*
 * lm_region_reset - frees all blocks, and keeps at most one step of memory for the next ones. All marks become void,
 * except those that were made while the region was empty.
 */
void lm_region_reset(struct lm_region *region);

/* lm_region_destroy - frees the region with all its blocks. NULL is ignored. */
void lm_region_destroy(struct lm_region *region);

/* lm_region_used - the bytes that are handed out, including the gaps before aligned blocks. */
size_t lm_region_used(const struct lm_region *region);

/* A reserve (the kernel's mempool): objects of any allocator, held back for a shortage of memory. */
struct lm_reserve;

/*
 * lm_reserve_create - makes a reserve and allocates its objects.
 *
 * minimum: how many objects it holds, 1 or more.
 * alloc_object: returns an object, or NULL. It gets `context` and the flags of the caller, with LM_NOWARN and without
 * LM_NOFAIL, since the reserve may still have an object.
 * free_object: gives an object back. Both functions run with no lock held.
 * Result: the reserve; NULL with ENOMEM (also if alloc_object returned NULL) or EINVAL.
 */
struct lm_reserve *lm_reserve_create(size_t minimum, void *(*alloc_object)(unsigned flags, void *context),
				     void (*free_object)(void *object, void *context), void *context);

/*
 * lm_reserve_alloc - takes an object of the allocator or, if that has none, of the reserve.
 *
 * flags: of lm_malloc(3), for the allocator. With LM_NOFAIL the call waits asleep if the reserve is empty, until an
 * object is given back to it, and asks the allocator again every twentieth of a second.
 * Result: an object; one of the reserve is in the state in which it was given back, also with LM_ZERO. NULL with
 * ENOMEM, EAGAIN (the same with LM_NOSYSCALL, or another thread is using the reserve) or EINVAL (bad flags).
 */
void *lm_reserve_alloc(struct lm_reserve *reserve, unsigned flags);

/*
 * lm_reserve_free - gives an object back: to the reserve if that is not full, otherwise to the allocator. NULL is
 * ignored. If the reserve is not full and would hand out this very object next, this is reported, and the process
 * stops.
 */
void lm_reserve_free(struct lm_reserve *reserve, void *object);

/*
 * lm_reserve_resize - sets another minimum (1 or more). Result: 0; or -1 with EINVAL or ENOMEM, and the reserve is as
 * it was.
 */
int lm_reserve_resize(struct lm_reserve *reserve, size_t minimum);

/* lm_reserve_level - the number of objects in the reserve. */
size_t lm_reserve_level(const struct lm_reserve *reserve);

/*
 * lm_reserve_destroy - ends the reserve, and gives the objects in it back by free_object, which must not use the
 * reserve. The program keeps the objects that it holds. NULL is ignored.
 */
void lm_reserve_destroy(struct lm_reserve *reserve);

#ifdef __cplusplus
}
#endif

#endif
