/*
 * block.h - the descriptor of a large block (large.h). The large cache keeps it too, while its mapping waits for reuse.
 *
 * Owner: the program while the block is live; then the large cache, whose lock guards it. Invariant: address is 0, or
 * lies on the first page of the mapping (behind a front: on the page where the alignment puts it).
 */
#ifndef LM_LARGE_BLOCK_H
#define LM_LARGE_BLOCK_H

#include "large/mapping.h"
#include "page/meta.h"

enum large_guard { LARGE_OPEN, LARGE_GUARDED };

struct large {
	struct mapping mapping;
	uintptr_t address;      /* where the block begins; 0: not placed yet */
	unsigned growths;       /* how often realloc has made it longer; 0 in the cache */
	enum large_guard guard; /* LARGE_OPEN in the cache */
	bool is_huge;           /* of huge pages: never in the cache, as others would get more frames than they touch */
};

/* An open block, whose mapping the caller sets; NULL if there is no memory. */
static inline struct large *large_descriptor_alloc(void)
{
	struct large *large = meta_alloc(sizeof(struct large));
	if (large == NULL)
		return NULL;
	large->address = 0;
	large->growths = 0;
	large->guard = LARGE_OPEN;
	large->is_huge = false;
	return large;
}
static inline void large_descriptor_free(struct large *large) { meta_free(large, sizeof(struct large)); }

#endif
