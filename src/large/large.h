/*
 * large.h - blocks with a mapping of their own: requests of M_MMAP_THRESHOLD bytes and more.
 *
 *      mapping.base                                 mapping.base + mapping.bytes
 *      | colour |  the block: usable to the end ...  |
 *               ^ address, on the first page of the mapping
 *
 * The colour is a multiple of a cache line that differs from block to block (the slab colouring of Bonwick 1994), so
 * that large arrays do not all begin in the same cache sets. Blocks of a wanted alignment have none; they begin at the
 * mapping's first byte, or behind a front as long as the alignment.
 *
 * A guarded block (lm_vmalloc) has no colour either, and a page behind it that faults:
 *
 *      address = mapping.base      mapping.base + mapping.bytes
 *      | whole pages, fresh ...... | guard |
 *
 * The guard is not of the mapping, and goes before a freed one is handed to the store. Such a block is never resized:
 * realloc copies it to one without a guard.
 *
 * The page map names the descriptor at the block's first page. Owner: the program, which alone knows the address; a
 * free claims the page's kind with one compare-and-swap, so of two frees of one block exactly one succeeds.
 */
#ifndef LM_LARGE_LARGE_H
#define LM_LARGE_LARGE_H

#include "large/mapping.h"
#include "page/meta.h"

enum large_guard { LARGE_OPEN, LARGE_GUARDED };

struct large {
	struct mapping mapping;
	uintptr_t address;
	unsigned growths;       /* how often realloc has made it longer */
	enum large_guard guard; /* of a live block */
	bool is_huge;     /* of huge pages: not kept for reuse, as others would be given more frames than they touch */
};

/* Descriptors of blocks, which the store makes and drops too: an open block without a mapping. NULL: no memory. */
static inline struct large *large_descriptor_alloc(void)
{
	struct large *large = meta_alloc(sizeof(struct large));
	if (large == NULL)
		return NULL;
	mapping_clear(&large->mapping);
	large->address = 0;
	large->growths = 0;
	large->guard = LARGE_OPEN;
	large->is_huge = false;
	return large;
}
static inline void large_descriptor_free(struct large *large) { meta_free(large, sizeof(struct large)); }

/* LARGE_FRESH: not one that was in use before, and so zeroed too. */
enum large_content { LARGE_ANY, LARGE_ZEROED, LARGE_FRESH };

/*
 * A block of `bytes` at a multiple of `alignment` (a power of two; 0: any, coloured). NULL: no memory.
 */
void *large_alloc(size_t bytes, size_t alignment, enum large_content content);

/* As large_alloc, and at least a cache line of the mapping lies before the block. */
void *large_alloc_with_front(size_t bytes, size_t alignment, enum large_content content);

/* A guarded block of `bytes` (1 or more), all zeros, whatever M_MMAP_MAX says. NULL: no memory. */
void *large_alloc_guarded(size_t bytes);

/*
 * As large_alloc, zeroed, of huge pages where the system has them: aligned to 2 MiB at least. Its length is not
 * rounded up to them: what is left over is of usual pages.
 */
void *large_alloc_huge(size_t bytes, size_t alignment);

/* False when there are as many large blocks as M_MMAP_MAX allows. */
bool large_is_allowed(void);

/* The descriptor of the large block that begins at `address`, or NULL. */
struct large *large_of(uintptr_t address);

/* The large block that `address` lies inside of, or NULL. Slow: for reports. */
struct large *large_around(uintptr_t address);

/* Frees the block at `address`: false when there is none (any more). */
bool large_free(uintptr_t address);

/* The block made `bytes` long, moved if it must be: its address, or NULL and it is as it was (a guarded one always). */
void *large_resize(struct large *large, size_t bytes);

static inline size_t large_usable(const struct large *large)
{
	return large->mapping.bytes - (large->address - large->mapping.base);
}

#endif
