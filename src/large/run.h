/*
 * run.h - whole pages of the heap as one block: requests between the largest size class and a raised M_MMAP_THRESHOLD,
 * all large requests once M_MMAP_MAX is reached or mmap refuses, and small ones with a large alignment.
 *
 * A block begins at its first page. The page map holds its kind and its length there. Owner: the program; a free claims
 * the kind with one compare-and-swap, so of two frees of one block exactly one succeeds.
 */
#ifndef LM_LARGE_RUN_H
#define LM_LARGE_RUN_H

#include "large/large.h"
#include "page/page_alloc.h"

/*
 * `bytes` of a zone's pages (page_alloc_from), at a multiple of `alignment` (a power of two up to 4 MiB), or NULL. With
 * LARGE_ZEROED the run is zeros up to its end. With PAGES_QUIET the pages that were taken for the alignment stay in it.
 */
cold void *run_alloc(enum zone_id zone, enum page_how how, size_t bytes, size_t alignment, enum large_content content);

/* The usable bytes of the run that begins at `address`, or 0 when none does. */
size_t run_usable(uintptr_t address);

/* Frees the run at `address`: false when no run is there, or none any more. */
cold bool run_free(uintptr_t address);

/* True if `address` lies in a live run. Slow: for reports. */
cold bool run_around(uintptr_t address);

/* Bytes in runs. */
size_t run_bytes(void);

#endif
