/*
 * large.h - blocks with a mapping of their own: requests of M_MMAP_THRESHOLD bytes and more.
 *
 *      mapping.base                                 mapping.base + mapping.bytes
 *      | colour |  the block: usable to the end ...  |
 *               ^ address, on the first page of the mapping
 *
 * The colour is a multiple of a cache line that differs from block to block (the slab colouring of Bonwick 1994), so
 * that large arrays do not all begin in the same cache sets. Blocks with an alignment have none: they begin at the
 * mapping's first byte. Behind another malloc, a front lies before each block: at least a cache line, and as long as
 * the alignment:    | front, its last cache line cleared |  the block ...  |
 *
 * A guarded block has no colour either, and a page behind it that faults:
 *
 *      address = mapping.base      mapping.base + mapping.bytes
 *      | whole pages, fresh ...... | guard |
 *
 * The guard is no part of the mapping; it is unmapped before the large cache takes the mapping over. Such a block is
 * never resized: realloc copies it to one without a guard.
 *
 * The page map names the descriptor at the block's first page. Owner: the program, which alone knows the address; a
 * free claims the page's kind with one compare-and-swap, so of two frees of one block exactly one succeeds.
 */
#ifndef LM_LARGE_LARGE_H
#define LM_LARGE_LARGE_H

#include "large/block.h"

/* LARGE_FRESH: never in use before, and so zeroed too. */
enum large_content { LARGE_ANY, LARGE_ZEROED, LARGE_FRESH };

/* A block of `bytes` at a multiple of `alignment` (a power of two; 0: any, coloured). NULL: no memory. */
void *large_alloc(size_t bytes, size_t alignment, enum large_content content);

/* A guarded block of `bytes` (1 or more), all zeros, whatever M_MMAP_MAX says. NULL: no memory. */
cold void *large_alloc_guarded(size_t bytes);

/*
 * As large_alloc, zeroed, of huge pages if the system has them: aligned to 2 MiB at least. Its length is not rounded up
 * to them: the rest is of usual pages.
 */
cold void *large_alloc_huge(size_t bytes, size_t alignment);

/* False when there are as many large blocks as M_MMAP_MAX allows. */
bool large_is_allowed(void);

/* The descriptor of the large block that begins at `address`, or NULL. */
struct large *large_of(uintptr_t address);

/* The large block whose mapping `address` lies in, or NULL. Slow: for reports. */
cold struct large *large_around(uintptr_t address);

/* Frees the block at `address`: false when no block is there, or none any more. */
bool large_free(uintptr_t address);

/* Makes the block `bytes` long and moves it if it must: its address. NULL: it is as before (always if guarded). */
cold void *large_resize(struct large *large, size_t bytes);

static inline size_t large_usable(const struct large *large)
{
	return large->mapping.bytes - (large->address - large->mapping.base);
}

#endif
