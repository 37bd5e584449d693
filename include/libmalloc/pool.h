/*
 * libmalloc/pool.h - memory pools: fixed-size pool, region, reserve. lm_pool_create(3), lm_region_create(3),
 * lm_reserve_create(3).
 *
 * A pool and a region belong to one thread at a time: their callers see to that. A reserve may be used by all
 * threads.
 *
 * The library recognises a destroyed pool, region or reserve until 4096 more of its kind are destroyed: each function
 * that gets it says so in one line on standard error, and the process stops.
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
 * lm_pool_create - a pool of `chunks` chunks of `size` bytes each, at multiples of `align` (a power of two up to
 * 4096; 0: 16).
 *
 * size, chunks: 1 or more.
 * Result: the pool; NULL with EINVAL (and a line that says what was wrong) or ENOMEM (a product that overflows too, and
 * more than 4294967294 chunks). A chunk is not for free(3).
 */
struct lm_pool *lm_pool_create(size_t size, size_t chunks, size_t align);

/* lm_pool_alloc - a chunk; NULL with ENOMEM when all are taken. */
void *lm_pool_alloc(struct lm_pool *pool);

/*
 * lm_pool_free - gives a chunk back. NULL: nothing. One that is free, or not of this pool, is reported, and the
 * process stops.
 */
void lm_pool_free(struct lm_pool *pool, void *chunk);

/* lm_pool_used - chunks that are taken now. */
size_t lm_pool_used(const struct lm_pool *pool);

/* lm_pool_reset - all chunks are free again, whoever held them. */
void lm_pool_reset(struct lm_pool *pool);

/* lm_pool_destroy - all chunks and the pool are gone. NULL: nothing. */
void lm_pool_destroy(struct lm_pool *pool);

/* A region: blocks of any size, which are freed all at once. */
struct lm_region;

/*
 * lm_region_create - an empty region that grows by `step` bytes at a time and more (0: 16 KiB). NULL with ENOMEM.
 */
struct lm_region *lm_region_create(size_t step);

/* lm_region_alloc - `size` bytes (0: 1) at a multiple of 16; NULL with ENOMEM. They are not for free(3). */
void *lm_region_alloc(struct lm_region *region, size_t size);

/* lm_region_aligned - as lm_region_alloc, at a multiple of `align`, a power of two up to 4096 (else EINVAL). */
void *lm_region_aligned(struct lm_region *region, size_t align, size_t size);

/* lm_region_strdup - a copy of `string` in the region; NULL with ENOMEM. */
char *lm_region_strdup(struct lm_region *region, const char *string);

/* How much a region held at one moment; for lm_region_release alone. */
struct lm_region_mark {
	void *block; /* which part of which region: a number, no address */
	size_t used;
};

/* lm_region_mark - the mark of now. */
struct lm_region_mark lm_region_mark(const struct lm_region *region);

/*
 * lm_region_release - frees all that was allocated since `mark`. Marks made since then are void. lm_region_reset makes
 * all marks void, except those that were made while the region was empty. A mark of another region is reported, and
 * the process stops. So is a void mark, unless the region still has the piece of memory in which the mark was made, and
 * has handed this out again up to the mark or beyond.
 */
void lm_region_release(struct lm_region *region, struct lm_region_mark mark);

/*
 * lm_region_reset - frees all that was allocated; what the region holds of the system's memory is kept up to one
 * step.
 */
void lm_region_reset(struct lm_region *region);

/* lm_region_destroy - frees all of it. NULL: nothing. */
void lm_region_destroy(struct lm_region *region);

/* lm_region_used - bytes handed out now, with what alignment took. */
size_t lm_region_used(const struct lm_region *region);

/* A reserve (the kernel's mempool): a number of objects of any allocator that are always there. */
struct lm_reserve;

/*
 * lm_reserve_create - a reserve of `minimum` objects (1 or more), allocated now.
 *
 * alloc_object: yields an object, or NULL; gets `context` and the caller's flags, LM_NOFAIL taken off and LM_NOWARN
 * set, since the reserve may still have an object.  free_object: gives one back.  Both run with no lock held.
 * Result: the reserve; NULL with ENOMEM when alloc_object did not yield as many, or EINVAL.
 */
struct lm_reserve *lm_reserve_create(size_t minimum, void *(*alloc_object)(unsigned flags, void *context),
				     void (*free_object)(void *object, void *context), void *context);

/*
 * lm_reserve_alloc - an object of the allocator; where it has none, of the reserve.
 *
 * flags: handed on to the allocator. With LM_NOFAIL the call also waits, asleep, when the reserve is empty, until an
 * object is given back; what comes free elsewhere in the allocator is found within a twentieth of a second.
 * Result: an object, of the reserve in the state in which it was given back (LM_ZERO too); NULL with ENOMEM, EAGAIN
 * (LM_NOSYSCALL) or EINVAL (the flags).
 */
void *lm_reserve_alloc(struct lm_reserve *reserve, unsigned flags);

/*
 * lm_reserve_free - an object goes back: to the reserve while that is not full, otherwise to the allocator. NULL:
 * nothing. An object that is in the reserve and would be handed out next is reported, and the process stops; but only
 * while the reserve is not full.
 */
void lm_reserve_free(struct lm_reserve *reserve, void *object);

/* lm_reserve_resize - another minimum (1 or more): 0, or -1 with EINVAL or ENOMEM, and the reserve is as it was. */
int lm_reserve_resize(struct lm_reserve *reserve, size_t minimum);

/* lm_reserve_level - objects in the reserve now. */
size_t lm_reserve_level(const struct lm_reserve *reserve);

/*
 * lm_reserve_destroy - ends the reserve, and gives its objects back by free_object, which must not use the reserve.
 * NULL: nothing.
 */
void lm_reserve_destroy(struct lm_reserve *reserve);

#ifdef __cplusplus
}
#endif

#endif
