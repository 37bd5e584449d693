/*
 * run.h - whole pages of the heap as one block: requests between the largest size class and a raised
 * M_MMAP_THRESHOLD, all
 * large requests once M_MMAP_MAX is reached or mmap refuses, and small ones with a large alignment.
 *
 * A block is named in the page map at its first page, which is where it begins.
 */
#ifndef LM_LARGE_RUN_H
#define LM_LARGE_RUN_H

#include "page/zone.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `bytes` at a multiple of `alignment` (a power of two up to 4 MiB); *zeroed tells if they are all zeros. Or NULL. */
void *run_alloc(size_t bytes, size_t alignment, bool *zeroed);

/* The same of pages of a zone (page_alloc_from). With PAGES_QUIET what was taken for the alignment stays behind it. */
void *run_alloc_from(enum zone_id zone, enum page_how how, size_t bytes, size_t alignment, bool *zeroed);

/* The usable bytes of the run that begins at `address`, or 0 when none does. */
size_t run_usable(uintptr_t address);

/* Frees the run at `address`: false when there is none (any more). */
bool run_free(uintptr_t address);

/* True if `address` lies in a live run. Slow: for reports. */
bool run_around(uintptr_t address);

/* Bytes in runs. */
size_t run_bytes(void);

#endif
