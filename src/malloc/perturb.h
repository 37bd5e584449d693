/*
 * perturb.h - M_PERTURB: new memory is filled with the complement of a byte, freed memory with the byte (mallopt(3)).
 *
 * While it is on, threads get no cache, so that every call comes through the slow path; the fast path knows nothing of
 * it. Threads that had a cache before it was set keep it.
 */
#ifndef LM_MALLOC_PERTURB_H
#define LM_MALLOC_PERTURB_H

#include "base/settings.h"

#include <stdbool.h>
#include <stddef.h>

static inline bool perturb_is_on(void) { return setting(&settings.perturb) != 0; }

void perturb_allocated(void *block, size_t bytes);
void perturb_freed(void *block, size_t bytes);

/* Called after settings.perturb has changed. */
void perturb_apply(void);

#endif
